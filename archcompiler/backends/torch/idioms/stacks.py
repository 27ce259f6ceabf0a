"""Maps that are stacked along an axis of their own: sums, softmax over them, and one of them.

Channels that a view takes apart into groups are such a stack as well.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any, Final, NamedTuple

import torch
from torch import fx, nn

from archcompiler.backends.torch.idioms.calls import (
    COPIES,
    PRODUCTS,
    SOFTMAXES,
    SUMS,
    SUMS_ALONG,
    UNSQUEEZES,
    VIEWS,
    order_of,
)
from archcompiler.backends.torch.idioms.nodes import drop, put, stands_for, submodule
from archcompiler.backends.torch.idioms.numbers import has_images, images, shape
from archcompiler.backends.torch.reading import is_node
from archcompiler.ops.reduce import Softmax

_JOINS: Final = (*PRODUCTS, *SUMS)


class _Stack(NamedTuple):
    """Maps of one shape, along an axis of their own."""

    maps: tuple[fx.Node, ...]
    axis: int
    whole: fx.Node | None = None
    """Of whose channels they are parts."""


def reword_stacks(graph: fx.Graph) -> None:
    """Say of maps one by one what is said of a stack of them."""
    known: dict[fx.Node, _Stack] = {}
    made: list[fx.Node] = []
    for node in list(graph.nodes):
        if not shape(node) or not node.args:
            continue
        if (stack := _stacked(node, known, made)) is not None:
            known[node] = stack
        elif (map := _map(node, known, made)) is not None:
            node.replace_all_uses_with(map)
            made.append(node)
        elif (weights := _grouped_softmax(node, made)) is not None:
            made += [old := node.args[0], old := old.args[0], old.args[0]]
            node.args = (weights, *node.args[1:])
    drop(*known, *made)


def _stacked(node: fx.Node, known: dict[fx.Node, _Stack], made: list[fx.Node]) -> _Stack | None:
    """What a node is as a stack."""
    x: Any = node.args[0]
    rank = len(shape(node))
    if node.target is torch.stack and isinstance(x, tuple | list) and all(map(has_images, x)):
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        return _Stack(tuple(x), axis % rank) if isinstance(axis, int) else None
    if node.target in VIEWS and is_node(x) and (parts := _groups(node, source := _bare(x))):
        return _Stack(_parts(node, made, source, parts), 1, source)
    if is_node(x) and x in known and (axis := softmax_axis(node)) is not None:
        stack = known[x]
        if axis % rank != stack.axis:
            return None
        count, (_, *one) = len(stack.maps), shape(stack.maps[0])
        whole = stack.whole
        if whole is None:
            sides = (count * one[0], *one[1:])
            whole = _put(node, made, torch.cat, list(stack.maps), 1, sides=sides)
        weights = _put(
            node, made, stands_for, Softmax("parts", count), whole, sides=shape(whole)[1:]
        )
        return _Stack(_parts(node, made, weights, count), stack.axis, weights)
    if node.target in _JOINS and len(node.args) == 2 and not node.kwargs:
        return _joined(node, [known.get(x) if is_node(x) else None for x in node.args], made)
    return known.get(x) if is_node(x) and node.target in COPIES else None


def _bare(x: fx.Node) -> fx.Node:
    """What axes of 1 were added to, after the images."""
    while x.target in UNSQUEEZES and len(x.args) == 2 and isinstance(x.args[1], int) and x.args[1]:
        source: Any = x.args[0]
        if not is_node(source) or x.args[1] == -len(shape(x)):
            break
        x = source
    return x


def _groups(node: fx.Node, x: fx.Node) -> int:
    """Into how many groups of channels a view takes a map apart; 0 for another view."""
    after, before = shape(node)[1:], shape(x)[1:]
    if images(node, node.args[1:]) is None or not has_images(x) or len(after) < 2:
        return 0
    apart = after[2:] == before[1:] and after[0] * after[1] == before[0]
    return after[0] if apart and after[0] > 1 else 0


def _joined(node: fx.Node, found: Sequence[_Stack | None], made: list[fx.Node]) -> _Stack | None:
    a, b = found
    if a is None or b is None or a.axis != b.axis or len(a.maps) != len(b.maps):
        return None
    if len(shape(a.maps[0])) != len(shape(b.maps[0])):
        return None
    sides = spread(a.maps[0], b.maps[0])[1:]
    pairs = zip(a.maps, b.maps, strict=True)
    return _Stack(tuple(_put(node, made, node.target, *p, sides=sides) for p in pairs), a.axis)


def spread(x: Any, y: Any) -> tuple[int, ...]:
    """The shape of what two tensors make together."""
    return tuple(torch.broadcast_shapes(shape(x), shape(y)))  # type: ignore[no-untyped-call]


def _map(node: fx.Node, known: dict[fx.Node, _Stack], made: list[fx.Node]) -> fx.Node | None:
    """The map that a node makes of a stack."""
    stack = known.get(node.args[0]) if is_node(node.args[0]) else None
    if stack is None or shape(node) != shape(stack.maps[0]):
        return None
    if node.target in SUMS_ALONG:
        given = [*node.args[1:], *node.kwargs.values()]
        if given not in ([stack.axis], [stack.axis - len(shape(node)) - 1]):
            return None
        total, *others = stack.maps
        for map in others:
            total = _put(node, made, operator.add, total, map, sides=shape(node)[1:])
        return total
    if node.target is not operator.getitem:
        return None
    index: Any = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
    before, rest = index[: stack.axis], index[stack.axis + 1 :]
    if len(before) < stack.axis or any(i != slice(None) for i in (*before, *rest)):
        return None
    own = index[stack.axis] if len(index) > stack.axis else None
    return stack.maps[own] if isinstance(own, int) else None


def _grouped_softmax(node: fx.Node, made: list[fx.Node]) -> fx.Node | None:
    """ResNeSt's: groups of R parts each; over the parts, which come before the groups after it."""
    weights = node.args[0] if node.target in VIEWS else None
    if not is_node(weights) or softmax_axis(weights) != 1 or not is_node(weights.args[0]):
        return None
    swapped = weights.args[0]
    if len(shape(swapped)) != 4:
        return None
    view = swapped.args[0] if order_of(swapped, 4) == (0, 2, 1, 3) else None
    source = view.args[0] if is_node(view) and view.target in VIEWS else None
    if not is_node(view) or not is_node(source) or images(view, view.args[1:]) is None:
        return None
    groups, parts, each = shape(view)[1:]
    if shape(source)[1] != groups * parts * each or prod(shape(source)[1:]) != shape(source)[1]:
        return None
    if groups > 1:
        all_parts = _parts(node, made, source, groups * parts)
        order = [all_parts[g * parts + p] for p in range(parts) for g in range(groups)]
        source = _put(node, made, torch.cat, order, 1, sides=shape(source)[1:])
    return _put(node, made, stands_for, Softmax("parts", parts), source, sides=shape(source)[1:])


def softmax_axis(node: fx.Node) -> int | None:
    """The axis of a softmax, as it is written."""
    if (module := submodule(node)) is not None:
        return module.dim if type(module) is nn.Softmax else None
    if node.target not in SOFTMAXES or node.kwargs.get("dtype") is not None:
        return None
    dim = node.args[1] if len(node.args) == 2 else node.kwargs.get("dim")
    return dim if isinstance(dim, int) else None


def _put(
    node: fx.Node, made: list[fx.Node], target: Any, *args: Any, sides: Sequence[int]
) -> fx.Node:
    """A new call before a node, with the shape of an image."""
    made.append(call := put(node, target, *args, sides=(1, *sides)))
    return call


def _parts(node: fx.Node, made: list[fx.Node], x: fx.Node, count: int) -> tuple[fx.Node, ...]:
    """The equal parts of the channels of a map."""
    _, channels, *size = shape(x)
    split = _put(node, made, torch.chunk, x, count, 1, sides=())
    sides = (channels // count, *size)
    parts = [_put(node, made, operator.getitem, split, i, sides=sides) for i in range(count)]
    split.meta["tensor_meta"] = tuple(part.meta["tensor_meta"] for part in parts)
    return tuple(parts)
