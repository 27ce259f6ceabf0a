"""Differences, quotients, roots, and sums with a constant in JAX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.python import called, joined, less, text
from archcompiler.ops.arithmetic import Div, Shift, Sqrt, Sub

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen


def _sub(op: Sub, x: Sequence[str], dims: int) -> str:
    return joined("-", x)


def _read_sub() -> Iterable[Reader]:
    from archcompiler.backends.jax.reading import is_node

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        return (Sub(), [x, y]) if is_node(x) and is_node(y) else None

    yield Reader("sub", read)


def _div(op: Div, x: Sequence[str], dims: int) -> str:
    return joined("/", x)


def _read_div() -> Iterable[Reader]:
    from archcompiler.backends.jax.reading import is_node

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        return (Div(), [x, y]) if is_node(x) and is_node(y) else None

    yield Reader("div", read)


def _sqrt(op: Sqrt, x: Sequence[str], dims: int) -> str:
    return called("jnp.sqrt", *x)


def _read_sqrt() -> Iterable[Reader]:
    import jax.numpy as jnp

    def read(seen: Seen, x: Node) -> Reading:
        return Sqrt(), [x]

    yield Reader(jnp.sqrt, read)


def _shift(op: Shift, x: Sequence[str], dims: int) -> str:
    amount = less(op.amount)
    return f"{x[0]} + {text(op.amount)}" if amount is None else f"{x[0]} - {amount}"


def _read_shift() -> Iterable[Reader]:
    from archcompiler.backends.jax.reading import is_node

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        # What is added to a constant is half of a gate.
        return (Shift(y), [x]) if is_node(x) and not is_node(y) else None

    def read_less(seen: Seen, x: Node, y: Any) -> Reading | None:
        return (Shift(-y), [x]) if is_node(x) and not is_node(y) else None

    yield Reader("add", read)
    yield Reader("sub", read_less)


RECORDS: Final = {
    "sub": JaxOp(call=_sub, readers=_read_sub, flat="kept"),
    "div": JaxOp(call=_div, readers=_read_div, flat="kept"),
    "sqrt": JaxOp(call=_sqrt, readers=_read_sqrt, flat="kept"),
    "shift": JaxOp(call=_shift, readers=_read_shift, flat="kept"),
}
