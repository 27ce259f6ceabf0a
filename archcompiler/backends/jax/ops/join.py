"""Sums, products and concatenations in JAX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.largest import LARGER
from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import position
from archcompiler.backends.python import called, joined
from archcompiler.ops.axes import axes
from archcompiler.ops.join import Add, Concat, Gate, Maximum, Mul

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen


def _add(op: Add, x: Sequence[str], dims: int) -> str:
    return joined("+", x)


def _mul(op: Mul, x: Sequence[str], dims: int) -> str:
    return joined("*", x)


def _gate(op: Gate, x: Sequence[str], dims: int) -> str:
    if op.learning == "naive":
        return joined("*", x)
    trunk, mask = x
    return joined("*", [joined("+", ["1", mask]), trunk])


def _concat(op: Concat, x: Sequence[str], dims: int) -> str:
    return f"jnp.concatenate([{', '.join(x)}], axis={position(op.axis, dims)})"


def _maximum(op: Maximum, x: Sequence[str], dims: int) -> str:
    return reduce(lambda a, b: called(LARGER.name, a, b), x)


def _read_add() -> Iterable[Reader]:
    from archcompiler.backends.jax.reading import is_node
    from archcompiler.backends.reading import PART

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        if is_node(x) and is_node(y):
            return Add(), [x, y]
        # 1 + M is half of (1 + M)·T, which the product reads.
        return PART if seen.one_more(seen.node) is not None else None

    yield Reader("add", read)


def _read_mul() -> Iterable[Reader]:
    from archcompiler.backends.jax.reading import is_node

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        if not (is_node(x) and is_node(y)):
            return None
        for trunk, factor in ((x, y), (y, x)):
            if (mask := seen.one_more(factor)) is not None:
                return Gate("residual"), [trunk, mask]
        order = Mul().order((seen.type_of(x), seen.type_of(y)))
        return Mul(), [(x, y)[i] for i in order]

    yield Reader("mul", read)


def _read_concat() -> Iterable[Reader]:
    import jax.numpy as jnp

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, parts: Any, axis: int = 0) -> Reading:
        for name in axes(seen.dims):
            if seen.places(axis) == seen.places(position(name, seen.dims)):
                return Concat(name), list(parts)
        raise UnknownOperation(f"concatenates along axis {axis}")

    yield Reader(jnp.concatenate, read)


def _read_maximum() -> Iterable[Reader]:
    def read(seen: Seen, x: Node, y: Node) -> Reading:
        return Maximum(), [x, y]

    yield Reader(LARGER.name, read)


RECORDS: Final = {
    "maximum": JaxOp(call=_maximum, helper=lambda dims: LARGER, readers=_read_maximum, flat="kept"),
    "add": JaxOp(call=_add, readers=_read_add, flat="kept"),
    "mul": JaxOp(call=_mul, readers=_read_mul, flat="kept"),
    "gate": JaxOp(call=_gate),  # read by the product's
    "concat": JaxOp(call=_concat, readers=_read_concat, flat="kept"),
}
