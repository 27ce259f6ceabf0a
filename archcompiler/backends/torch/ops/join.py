"""Sums, products and concatenations in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, joined
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.axes import axes, dimension
from archcompiler.ops.join import Add, Concat, Gate, Maximum, Mul

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen


def _add(op: Add, x: Sequence[str], dims: int) -> str:
    return joined("+", x)


def _mul(op: Mul, x: Sequence[str], dims: int) -> str:
    return joined("*", x)


def _gate(op: Gate, x: Sequence[str], dims: int) -> str:
    if op.learning == "naive":
        return joined("*", x)
    trunk, mask = x
    return called("torch.addcmul", trunk, trunk, mask)


def _concat(op: Concat, x: Sequence[str], dims: int) -> str:
    return f"torch.cat([{', '.join(x)}], dim={dimension(op.axis, dims)})"


def _maximum(op: Maximum, x: Sequence[str], dims: int) -> str:
    return reduce(lambda a, b: called("torch.maximum", a, b), x)


def _read_add() -> Iterable[Reader]:
    import operator

    import torch

    from archcompiler.backends.reading import PART
    from archcompiler.backends.torch.reading import one_more, two_maps

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        if two_maps(x, y):
            return Add(), [x, y]
        # 1 + M is half of (1 + M)·T, which the product reads.
        return PART if one_more(seen.node) is not None else None

    for target in (operator.add, torch.add, "add", "add_"):
        yield Reader(target, read)


def _read_mul() -> Iterable[Reader]:
    import operator

    import torch

    from archcompiler.backends.torch.reading import one_more, two_maps

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        if not two_maps(x, y):
            return None
        for trunk, factor in ((x, y), (y, x)):
            if (mask := one_more(factor)) is not None:
                return Gate("residual"), [trunk, mask]
        order = Mul().order((seen.type_of(x), seen.type_of(y)))
        return Mul(), [(x, y)[i] for i in order]

    for target in (operator.mul, torch.mul, "mul", "mul_"):
        yield Reader(target, read)


def _read_gate() -> Iterable[Reader]:
    import torch

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, x: fx.Node, a: fx.Node, b: fx.Node, *, value: float = 1) -> Reading:
        """T + T·M is (1 + M)·T in one kernel."""
        if value != 1 or x not in (a, b):
            raise UnknownOperation("addcmul that is not (1 + M)·T")
        return Gate("residual"), [x, b if x is a else a]

    yield Reader(torch.addcmul, read)


def _read_concat() -> Iterable[Reader]:
    import torch

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, parts: Any, dim: int = 0) -> Reading:
        for axis in axes(seen.dims):
            if dim % (seen.dims + 2) == dimension(axis, seen.dims):
                return Concat(axis), list(parts)
        raise UnknownOperation(f"concatenates along dimension {dim}")

    for target in (torch.cat, torch.concat):
        yield Reader(target, read)


def _read_maximum() -> Iterable[Reader]:
    import torch

    def read(seen: Seen, x: fx.Node, y: fx.Node) -> Reading:
        return Maximum(), [x, y]

    for target in (torch.maximum, "maximum"):
        yield Reader(target, read)


RECORDS: Final = {
    "maximum": TorchOp(
        call=_maximum,
        readers=_read_maximum,
        flat="kept",
        uncounted=frozenset({"aten::maximum"}),
    ),
    "add": TorchOp(
        call=_add,
        readers=_read_add,
        flat="kept",
        uncounted=frozenset({"aten::add", "aten::add_"}),
    ),
    "mul": TorchOp(call=_mul, readers=_read_mul, flat="kept", uncounted=frozenset({"aten::mul"})),
    "gate": TorchOp(
        call=_gate, readers=_read_gate, uncounted=frozenset({"aten::addcmul", "aten::mul"})
    ),
    "concat": TorchOp(call=_concat, readers=_read_concat, flat="kept"),
}
