"""Views: of vectors as maps of one pixel, of a shuffle of channels, of a softmax over positions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import torch
from torch import fx

from archcompiler.backends.reading import PART, UnknownOperation, sides
from archcompiler.backends.torch.idioms.axes import ordered
from archcompiler.backends.torch.idioms.calls import (
    COPIES,
    FLATTENS,
    SOFTMAXES,
    SQUEEZES,
    UNFLATTENS,
    UNSQUEEZES,
    VIEWS,
)
from archcompiler.backends.torch.idioms.numbers import has_images, images, shape
from archcompiler.backends.torch.idioms.rows import channel_conv, is_row, one_channel
from archcompiler.backends.torch.reading import Reading, Seen, is_node
from archcompiler.backends.torch.record import Reader
from archcompiler.ops.reduce import Softmax
from archcompiler.ops.split import Flatten, Shuffle


def copied(node: Any) -> Any:
    """What a copy is of."""
    while is_node(node) and node.target in COPIES:
        node = node.args[0]
    return node


def view(seen: Seen, x: fx.Node, *sizes: Any) -> Reading:
    """`x.view(n, …)`, which keeps the images apart."""
    after = images(seen.node, sizes)
    if after is None:
        raise UnknownOperation(f"`{seen.node.name}` may mix the images of a batch")
    return _viewed(seen, x, after)


def view_shape(seen: Seen, x: fx.Node, shape: Sequence[Any]) -> Reading:
    """`torch.reshape(x, (n, …))`."""
    return view(seen, x, shape)


def view_as(seen: Seen, x: fx.Node, other: fx.Node) -> Reading:
    if not has_images(other):
        raise UnknownOperation(f"`{seen.node.name}` may mix the images of a batch")
    return _viewed(seen, x, shape(seen.node)[1:])


def flatten(seen: Seen, x: fx.Node, start_dim: int = 0, end_dim: int = -1) -> Reading | None:
    """`x.flatten(2)` and `x.flatten(1, 2)`; all of an image is another reader's."""
    rank = len(shape(x))
    if not rank or start_dim % rank == 0 or (start_dim % rank == 1 and end_dim % rank == rank - 1):
        return None
    return _viewed(seen, x, shape(seen.node)[1:])


def _viewed(seen: Seen, x: fx.Node, after: tuple[int, ...]) -> Reading:
    """A view of images as this shape."""
    if (conv := channel_conv(seen)) is not None:
        return conv
    x = _spread(x)
    before = shape(x)[1:]
    if not has_images(x):
        raise UnknownOperation(f"`{seen.node.name}` views what has no images")
    if before == after:
        return x
    if (mixed := _shuffled(seen, x, after)) is not None:
        return mixed
    if (weights := _softmax(seen, x, after)) is not None:
        return weights
    if (part := one_channel(seen, x)) is not None:
        return part
    if before[:1] == after[:1] and prod(before[1:]) == prod(after[1:]) == 1:
        return x if len(after) in (1, seen.dims + 1) else PART
    if is_row(x) and is_row(seen.node):
        return PART  # until its numbers are channels again
    if len(before) == seen.dims + 1:
        if after == (prod(before),):
            return Flatten(sides(before[1:], seen.dims), seen.dims), [x]
        # Where a shuffle or a softmax begins.
        grouped = after[2:] == before[1:] and prod(after[:2]) == before[0]
        if grouped or after == (before[0], prod(before[1:])):
            return PART
    shapes = f"images of {_said(before)} another shape, {_said(after)}"
    raise UnknownOperation(f"`{seen.node.name}` gives {shapes}")


def _spread(x: fx.Node) -> fx.Node:
    """What axes of 1 were added to, or dropped from."""
    calls = (*UNSQUEEZES, *SQUEEZES)
    while x.target in calls and is_node(x.args[0]) and _one(x) and has_images(x.args[0]):
        x = x.args[0]
    return x


def _one(node: fx.Node) -> bool:
    """Whether it is one axis after the channels that is added or dropped."""
    dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    source = node.args[0]
    assert isinstance(source, fx.Node)
    rank = len(shape(source)) + (node.target in UNSQUEEZES)
    return isinstance(dim, int) and dim % rank >= 2


def _said(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _shuffled(seen: Seen, x: fx.Node, after: tuple[int, ...]) -> Reading | None:
    """Channels as groups, with both changed about, as channels again."""
    groups, order = ordered(x)
    if order[:3] != (0, 2, 1) or order[3:] != tuple(range(3, len(order))):
        return None
    source = groups.args[0] if _is_view(groups) else None
    if not is_node(source) or not has_images(source) or shape(source)[1:] != after:
        return None
    of, each, *size = shape(groups)[1:]
    if len(after) != seen.dims + 1 or after != (of * each, *size):
        return None
    return Shuffle(of), [source]


def _is_view(node: fx.Node) -> bool:
    """Whether a node is a view that keeps the images apart."""
    given = [*node.args[1:], *node.kwargs.values()]
    if node.target in UNFLATTENS:
        return isinstance(given[0], int) and given[0] > 0
    return node.target in VIEWS and images(node, given) is not None


def _softmax(seen: Seen, x: fx.Node, after: tuple[int, ...]) -> Reading | None:
    """A softmax over positions in a row, or over groups, which are laid out as they were."""
    x = copied(x)
    plain = len(x.args) <= 2 and x.kwargs.get("dtype") is None
    viewed = x.args[0] if x.target in SOFTMAXES and plain else None
    if not is_node(viewed) or not (_is_view(viewed) or _is_flatten(viewed)):
        return None
    source = viewed.args[0]
    if not is_node(source) or len(after) != seen.dims + 1 or shape(source)[1:] != after:
        return None
    if not has_images(source):
        return None
    sides, dim = shape(viewed)[1:], _dim(x) % len(shape(viewed))
    if dim == 2 and sides == (after[0], prod(after[1:])):
        return Softmax("positions"), [source]
    if dim == 1 and sides[2:] == after[1:] and prod(sides[:2]) == after[0]:
        return Softmax("parts", sides[0]), [source]
    return None


def _is_flatten(node: fx.Node) -> bool:
    return node.target in FLATTENS and shape(node)[:1] == (1,) and _start(node) != 0


def _start(node: fx.Node) -> Any:
    return node.args[1] if len(node.args) > 1 else node.kwargs.get("start_dim", 0)


def _dim(node: fx.Node) -> int:
    found = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    return found if isinstance(found, int) else 0


def softmax(seen: Seen, input: fx.Node, dim: Any = None, _stacklevel: int = 3) -> Reading | None:
    """Over positions in a row or over groups, which is half of one of a map; or over a row."""
    if dim is None:
        # As torch chooses where it is not said.
        if len(shape(input)) == 3:
            raise UnknownOperation(f"`{seen.node.name}` has no `dim`, and is over the images")
        return Softmax("channels"), [input]
    if dim == 1 and len(shape(input)) == seen.dims + 3 and has_images(input):
        return PART
    if len(shape(input)) != 3 or dim not in (2, -1) or not has_images(input):
        return None
    return PART if seen.dims > 1 else (Softmax("positions"), [input])


def unsqueeze(seen: Seen, x: fx.Node, dim: int) -> Reading:
    """A vector as a map of one pixel."""
    first = 1 if is_row(x) else 2
    if not has_images(x) or dim % (len(shape(x)) + 1) < first:
        raise UnknownOperation(f"`{seen.node.name}` adds a dimension {dim} to {_said(shape(x))}")
    return _viewed(seen, x, shape(seen.node)[1:])


def squeeze(seen: Seen, x: fx.Node, dim: int | None = None) -> Reading:
    """A map of one pixel as a vector."""
    first = 1 if is_row(x) else 2
    if has_images(x) and dim is not None and shape(x)[dim] != 1:
        return x
    if not has_images(x) or dim is None or dim % len(shape(x)) < first:
        raise UnknownOperation(f"`{seen.node.name}` may drop the images of a batch")
    return _viewed(seen, x, shape(seen.node)[1:])


def unflatten(seen: Seen, x: fx.Node, dim: int, sizes: Any) -> Reading:
    """Channels as groups."""
    if not has_images(x) or dim % len(shape(x)) != 1:
        raise UnknownOperation(f"`{seen.node.name}` takes dimension {dim} apart")
    return _viewed(seen, x, shape(seen.node)[1:])


def readers() -> Iterable[Reader]:
    for method in ("view", "reshape"):
        yield Reader(method, view)
    yield Reader(torch.reshape, view_shape)
    for name in ("view_as", "reshape_as"):
        yield Reader(name, view_as)
    for target in FLATTENS:
        yield Reader(target, flatten)
    for target in SOFTMAXES:
        yield Reader(target, softmax)
    for target in UNSQUEEZES:
        yield Reader(target, unsqueeze)
    for target in SQUEEZES:
        yield Reader(target, squeeze)
    for target in UNFLATTENS:
        yield Reader(target, unflatten)
