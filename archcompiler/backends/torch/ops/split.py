"""Parts, shuffles, slices, flattening and transposition in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import atom, called, text
from archcompiler.backends.record import Helper
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.axes import SPATIAL, dimension
from archcompiler.ops.split import Flatten, Part, Shuffle, Take, Transpose

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen


_PARTS: Final = Helper(
    "channel_parts",
    '''
def channel_parts(x: Tensor, *counts: int) -> tuple[Tensor, ...]:
    """The channels in order, so many of equal parts of them at a time."""
    part = x.shape[1] // sum(counts)
    return x.split([part * count for count in counts], dim=1)
'''.strip(),
)


def _parts(counts: Sequence[int], x: Sequence[str], dims: int) -> str:
    if set(counts) == {1}:
        return f"{atom(x[0])}.chunk({len(counts)}, dim=1)"
    return called(_PARTS.name, *x, *map(text, counts))


def _part(op: Part, x: Sequence[str], dims: int) -> str:
    if op.single:
        return f"{atom(x[0])}.chunk({text(op.of)}, dim=1)[{text(op.index)}]"
    counts = [text(count) for count in op.counts]
    return f"{called(_PARTS.name, *x, *counts)}[{op.place}]"


def _read_part() -> Iterable[Reader]:
    import operator

    import torch

    from archcompiler.backends.reading import PART, UnknownOperation
    from archcompiler.backends.torch.reading import is_node

    def chunk(seen: Seen, x: fx.Node, chunks: int, dim: int = 0) -> Reading:
        if dim != 1:
            raise UnknownOperation(f"splits dimension {dim}")
        return PART

    def getitem(seen: Seen, parts: fx.Node, index: Any) -> Reading | None:
        """Part of a chunk, all whose parts are equal, or of what the helper gives."""
        if not is_node(parts):
            return None
        several = getattr(parts.target, "__name__", None) == _PARTS.name
        if not several and parts.target not in ("chunk", torch.chunk):
            return None
        x: Any = parts.args[0]
        counts: tuple[Any, ...] = parts.args[1:]
        if several:
            return Part(sum(counts[:index]), sum(counts), counts[index]), [x]
        of: Any = counts[0] if counts else parts.kwargs["chunks"]
        if seen.type_of(x).channels % of or not isinstance(index, int):
            raise UnknownOperation(f"`{seen.node.name}` is one of unequal parts")
        return Part(index % of, of), [x]

    yield Reader(_PARTS.name, lambda seen, x, *counts: PART)
    for target in ("chunk", torch.chunk):
        yield Reader(target, chunk)
    yield Reader(operator.getitem, getitem)


def _shuffle(op: Shuffle, x: Sequence[str], dims: int) -> str:
    return called("F.channel_shuffle", *x, text(op.groups))


def _read_shuffle() -> Iterable[Reader]:
    import torch.nn.functional as F
    from torch import nn

    def read(seen: Seen, x: fx.Node, groups: int) -> Reading:
        return Shuffle(groups), [x]

    def read_module(seen: Seen, module: nn.ChannelShuffle, x: fx.Node) -> Reading:
        return read(seen, x, module.groups)

    yield Reader(F.channel_shuffle, read)
    yield Reader(nn.ChannelShuffle, read_module)


def _transpose(op: Transpose, x: Sequence[str], dims: int) -> str:
    return f"{atom(x[0])}.transpose(2, 3)"


def _read_transpose() -> Iterable[Reader]:
    import torch

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, x: fx.Node, a: int, b: int) -> Reading:
        rank = seen.dims + 2
        if rank != 4 or {a % rank, b % rank} != {2, 3}:
            raise UnknownOperation(f"transposes dimensions {a} and {b}")
        return Transpose(), [x]

    for target in ("transpose", torch.transpose):
        yield Reader(target, read)


def _take(op: Take, x: Sequence[str], dims: int) -> str:
    data, like = x
    axis = dimension(op.axis, dims)
    count = f"{atom(like)}.shape[{axis}]"
    before = ":, " * axis
    return f"{atom(data)}[{before}{f': {count}' if op.end == 'first' else f'-{count} :'}]"


def _read_take() -> Iterable[Reader]:
    import operator

    from archcompiler.backends.torch.reading import is_node, is_size

    def read(seen: Seen, x: fx.Node, index: Any) -> Reading | None:
        if not isinstance(index, tuple) or not all(isinstance(i, slice) for i in index):
            return None
        *before, last = index
        if any(i != slice(None) for i in before) or last.step is not None:
            return None
        for axis in SPATIAL[-seen.dims :]:
            if dimension(axis, seen.dims) == len(before):
                if last.start is None and (like := _side(last.stop, len(before))) is not None:
                    return Take(axis, "first"), [x, like]
                start = last.start
                if last.stop is None and is_node(start) and start.target is operator.neg:
                    like = _side(start.args[0], len(before))
                    return None if like is None else (Take(axis, "last"), [x, like])
        return None

    def _side(size: Any, axis: int) -> fx.Node | None:
        """The map whose size along a dimension this is."""
        if is_size(size) and size.target is operator.getitem and size.args[1] == axis:
            shape = size.args[0]
            if shape.target is getattr:
                tensor: fx.Node = shape.args[0]
                return tensor
        return None

    yield Reader(operator.getitem, read)


def _flatten(op: Flatten, x: Sequence[str], dims: int) -> str:
    return x[0]  # a flat input is all that it asks for


RECORDS: Final = {
    "flatten": TorchOp(call=_flatten, flat="made"),  # read by the linear layer's
    "part": TorchOp(
        call=_part,
        parts=_parts,
        helper=lambda dims: _PARTS,
        helped=lambda op: not op.single,
        readers=_read_part,
        uncounted=frozenset({"aten::chunk", "aten::mul", "aten::split", "aten::split_with_sizes"}),
    ),
    "shuffle": TorchOp(
        call=_shuffle,
        readers=_read_shuffle,
        uncounted=frozenset({"aten::channel_shuffle"}),
    ),
    "transpose": TorchOp(call=_transpose, readers=_read_transpose),
    "take": TorchOp(call=_take, readers=_read_take, uncounted=frozenset({"aten::neg"})),
}
