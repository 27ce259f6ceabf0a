"""Parts of a map: of a split, of a slice, and the values of a maximum without their indices."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import gcd
from typing import Any, Final, NamedTuple

import torch
from torch import fx

from archcompiler.backends.reading import PART, UnknownOperation
from archcompiler.backends.torch.idioms.calls import MAXIMA
from archcompiler.backends.torch.idioms.numbers import has_images, number, shape
from archcompiler.backends.torch.reading import Reading, Seen, is_node, two_maps
from archcompiler.backends.torch.record import Reader
from archcompiler.ops.axes import axes, dimension
from archcompiler.ops.join import Maximum
from archcompiler.ops.reduce import Reduce
from archcompiler.ops.split import Part, Take

SPLITS: Final[dict[object, str]] = {
    "chunk": "chunks",
    torch.chunk: "chunks",
    "split": "split_size",
    torch.split: "split_size_or_sections",
    "split_with_sizes": "split_sizes",
    torch.split_with_sizes: "split_sizes",
    "tensor_split": "indices_or_sections",
    torch.tensor_split: "indices_or_sections",
}
"""Calls that split a map, and what they call the sizes of its parts."""
MOST: Final = 32
"""Equal parts that unequal ones are read as."""


def split(seen: Seen, x: fx.Node, sizes: Any, dim: int = 0) -> Reading:
    """What is split; its parts are read."""
    dim = _along(seen, x, dim)
    whole = sizes if isinstance(sizes, tuple | list) else (sizes,)
    if any(number(size) is None for size in whole):
        raise UnknownOperation(f"`{seen.node.name}` splits by numbers that are calculated")
    return PART


def split_named(name: str) -> Callable[..., Reading]:
    """The same, where the sizes have this name."""

    def read(seen: Seen, x: fx.Node, *given: Any, **named: Any) -> Reading:
        if name in named:
            given = (named.pop(name), *given)
        return split(seen, x, *given, **named)

    return read


def _along(seen: Seen, x: fx.Node, dim: Any) -> int:
    """A dimension of a map, counted from the first."""
    rank = len(shape(x))
    if not has_images(x) or rank not in (2, seen.dims + 2):
        raise UnknownOperation(f"`{seen.node.name}` takes parts of what is no map")
    if not isinstance(dim, int) or dim % rank == 0:
        raise UnknownOperation(f"`{seen.node.name}` takes some of the images of a batch")
    return dim % rank


def cut(seen: Seen, x: fx.Node, dim: int, start: int, size: int) -> Reading:
    """So many channels or positions of a map, from one on."""
    total = shape(x)[dim]
    if size == total:
        return x
    if dim == 1:
        if not size or total % size or start % size:
            raise UnknownOperation(
                f"`{seen.node.name}` is channels {start} to {start + size} of {total}, which are "
                "not one of equal parts"
            )
        return Part(start // size, total // size), [x]
    if not size or (start and start + size < total):
        raise UnknownOperation(
            f"`{seen.node.name}` is positions {start} to {start + size} of {total}, which are "
            "neither the first nor the last"
        )
    # Whose size it is makes no difference at one size.
    return Take(_axis(seen, dim), "last" if start else "first"), [x, x]


def _axis(seen: Seen, dim: int) -> Any:
    return next(axis for axis in axes(seen.dims) if dimension(axis, seen.dims) == dim)


class Cut(NamedTuple):
    """So many channels or positions of a map, from one on."""

    x: fx.Node
    dim: int
    start: int
    size: int


def of_split(seen: Seen, parts: Any, index: Any) -> Reading | None:
    """A part of a split, or some of them, which are read."""
    if isinstance(index, slice) and is_node(parts) and parts.target in SPLITS:
        return PART
    found = _cut_by_split(seen, parts, index)
    return None if found is None else cut(seen, *found)


def _among_all(parts: Any, index: int) -> tuple[Any, int]:
    """The split that some parts are of, and where among all of them one of these is."""
    if is_node(parts) and parts.target is operator.getitem:
        whole, some = parts.args
        if is_node(whole) and whole.target in SPLITS and isinstance(some, slice):
            return whole, range(len(whole.meta["tensor_meta"]))[some][index]
    return parts, index


def _cut_by_split(seen: Seen, parts: Any, index: Any) -> Cut | None:
    if not isinstance(index, int):
        return None
    parts, index = _among_all(parts, index)
    if not is_node(parts) or parts.target not in SPLITS:
        return None
    split_named(SPLITS[parts.target])(Seen(parts, seen.dims), *parts.args, **parts.kwargs)
    x = parts.args[0]
    assert isinstance(x, fx.Node)
    dim = _along(seen, x, parts.args[2] if len(parts.args) > 2 else parts.kwargs.get("dim", 0))
    sizes = [part.shape[dim] for part in parts.meta["tensor_meta"]]
    index %= len(sizes)
    return Cut(x, dim, sum(sizes[:index]), sizes[index])


def sliced(seen: Seen, x: Any, index: Any) -> Reading | None:
    """`x[:, :k]`."""
    found = _cut_by_slices(seen, x, index)
    return cut(seen, *found) if isinstance(found, Cut) else found


def _cut_by_slices(seen: Seen, x: Any, index: Any) -> Cut | fx.Node | None:
    """None for an index of another kind, and the map itself if nothing is cut off."""
    whole = slice(None)
    index = index if isinstance(index, tuple) else (index,)
    rank = len(shape(x))
    if not rank or Ellipsis in [i for i in index if not is_node(i)][1:]:
        return None
    if index[0] is Ellipsis:
        index = (*(whole,) * (rank - len(index) + 1), *index[1:])
    if not all(isinstance(i, slice) for i in index) or len(index) > rank:
        return None
    found: list[tuple[int, int, int]] = []
    for dim, own in enumerate(index):
        if own == whole:
            continue
        _along(seen, x, dim)
        ends = (own.start, own.stop, own.step)
        if any(end is not None and number(end) is None for end in ends):
            raise UnknownOperation(f"`{seen.node.name}` is a slice whose ends are calculated")
        start, stop, step = slice(*map(number, ends)).indices(shape(x)[dim])
        if step != 1:
            raise UnknownOperation(f"`{seen.node.name}` leaves channels or positions out")
        if stop - start != shape(x)[dim]:
            found.append((dim, start, max(0, stop - start)))
    if len(found) > 1:
        raise UnknownOperation(f"`{seen.node.name}` is cut along {len(found)} axes")
    return Cut(x, *found[0]) if found else x


def equal_parts(seen: Seen) -> list[Cut]:
    """The equal parts that channels of a map consist of which are none themselves; else nothing."""
    found: Cut | fx.Node | None = None
    with suppress(UnknownOperation):
        parts, index = seen.node.args
        found = _cut_by_split(seen, parts, index) or _cut_by_slices(seen, parts, index)
    if not isinstance(found, Cut) or found.dim != 1 or not found.size:
        return []
    x, dim, start, size = found
    each = gcd(start, size, total := shape(x)[dim])
    if each == size or total > MOST * each:
        return []
    return [Cut(x, dim, at, each) for at in range(start, start + size, each)]


def maximum(
    seen: Seen, x: fx.Node, dim: Any = None, keepdim: bool = False, *, other: Any = None
) -> Reading:
    """The larger of two maps, or what `x.max(1, keepdim=True)` has, whose values are read."""
    other = dim if other is None else other
    if two_maps(x, other):
        return Maximum(), [x, other]
    if not isinstance(dim, int):
        raise UnknownOperation(f"`{seen.node.name}` is one number for all images")
    axis = _along(seen, x, dim)
    if not keepdim and (seen.dims, axis) != (1, 2):
        raise UnknownOperation(f"`{seen.node.name}` drops an axis")
    return PART


def largest(seen: Seen, found: Any, index: Any) -> Reading | None:
    """The values of a maximum along an axis."""
    if not is_node(found) or found.target not in MAXIMA:
        return None
    if not seen.node.users:
        return PART  # what `largest, _ = x.max(1)` leaves out
    if index not in (0, "values"):
        raise UnknownOperation(f"`{seen.node.name}` gives the indices of maxima")
    again: Callable[..., Reading] = maximum
    if again(Seen(found, seen.dims), *found.args, **found.kwargs) is not PART:
        return None
    x = found.args[0]
    assert isinstance(x, fx.Node)
    dim = found.args[1] if len(found.args) > 1 else found.kwargs["dim"]
    axis = _axis(seen, _along(seen, x, dim))
    return Reduce("max", "positions" if seen.dims == 1 and axis == "width" else axis), [x]


def stack(seen: Seen, *maps: Any, **named: Any) -> Reading:
    raise UnknownOperation(f"`{seen.node.name}` puts maps along an axis of their own")


def readers() -> Iterable[Reader]:
    for target, name in SPLITS.items():
        yield Reader(target, split_named(name))
    for target in MAXIMA:
        yield Reader(target, maximum)
    yield Reader(torch.stack, stack)
    yield Reader(operator.getitem, of_split)
    yield Reader(operator.getitem, largest)
    yield Reader(operator.getitem, sliced)
    yield Reader(getattr, largest)
