"""Differences, quotients, roots, and sums with a constant in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, joined, less, text
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.arithmetic import Div, Shift, Sqrt, Sub

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen


def _sub(op: Sub, x: Sequence[str], dims: int) -> str:
    return joined("-", x)


def _read_sub() -> Iterable[Reader]:
    import operator

    import torch

    from archcompiler.backends.torch.reading import two_maps

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        return (Sub(), [x, y]) if two_maps(x, y) else None

    for target in (operator.sub, torch.sub, "sub", "sub_"):
        yield Reader(target, read)


def _div(op: Div, x: Sequence[str], dims: int) -> str:
    return joined("/", x)


def _read_div() -> Iterable[Reader]:
    import operator

    import torch

    from archcompiler.backends.torch.reading import two_maps

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        return (Div(), [x, y]) if two_maps(x, y) else None

    for target in (operator.truediv, torch.div, "div", "div_"):
        yield Reader(target, read)


def _sqrt(op: Sqrt, x: Sequence[str], dims: int) -> str:
    return called("torch.sqrt", *x)


def _read_sqrt() -> Iterable[Reader]:
    import torch

    from archcompiler.backends.torch.reading import one_input

    for target in (torch.sqrt, "sqrt", "sqrt_"):
        yield Reader(target, one_input(Sqrt()))


def _shift(op: Shift, x: Sequence[str], dims: int) -> str:
    amount = less(op.amount)
    return f"{x[0]} + {text(op.amount)}" if amount is None else f"{x[0]} - {amount}"


def _read_shift() -> Iterable[Reader]:
    import operator

    import torch

    from archcompiler.backends.torch.reading import is_node, one_more

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        if one_more(seen.node) is not None:
            return None  # half of a gate
        data, amount = (x, y) if is_node(x) else (y, x)
        return (Shift(amount), [data]) if isinstance(amount, int | float) else None

    def read_less(seen: Seen, x: fx.Node, y: Any) -> Reading | None:
        return (Shift(-y), [x]) if is_node(x) and isinstance(y, int | float) else None

    for target in (operator.add, torch.add, "add", "add_"):
        yield Reader(target, read)
    for target in (operator.sub, torch.sub, "sub", "sub_"):
        yield Reader(target, read_less)


RECORDS: Final = {
    "sub": TorchOp(call=_sub, readers=_read_sub, flat="kept", uncounted=frozenset({"aten::sub"})),
    "div": TorchOp(call=_div, readers=_read_div, flat="kept", uncounted=frozenset({"aten::div"})),
    "sqrt": TorchOp(
        call=_sqrt, readers=_read_sqrt, flat="kept", uncounted=frozenset({"aten::sqrt"})
    ),
    "shift": TorchOp(
        call=_shift,
        readers=_read_shift,
        flat="kept",
        uncounted=frozenset({"aten::add", "aten::sub"}),
    ),
}
