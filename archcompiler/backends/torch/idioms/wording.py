"""Calls of a trace in other words, where one of them is several operators or none.

Nodes keep what they compute; those that nothing reads any more are left out.
"""

from __future__ import annotations

import operator
from math import prod
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import fx

from archcompiler.backends.torch.idioms.calls import (
    CLAMPS,
    DIFFERENCES,
    EXPANDS,
    MEANS_ALONG,
    POWERS,
    PRODUCTS,
    QUOTIENTS,
    SQUARES,
    SUMS,
    SUMS_ALONG,
)
from archcompiler.backends.torch.idioms.channels_last import reword_channels_last
from archcompiler.backends.torch.idioms.factors import learnt
from archcompiler.backends.torch.idioms.nodes import drop, put
from archcompiler.backends.torch.idioms.numbers import number, scalar, shape, sides
from archcompiler.backends.torch.idioms.parts import SPLITS, equal_parts
from archcompiler.backends.torch.idioms.positions import reword_positions
from archcompiler.backends.torch.idioms.reductions import reword_reductions
from archcompiler.backends.torch.idioms.rows import reword_rows
from archcompiler.backends.torch.idioms.stacks import reword_stacks, spread
from archcompiler.backends.torch.reading import Seen, is_node

_JOINS: Final = (*SUMS, *PRODUCTS, torch.maximum, "maximum")
_POOLS: Final = tuple(
    getattr(F, f"{how}_pool{dims}d") for how in ("avg", "max") for dims in (1, 2, 3)
)
_CATS: Final = (torch.cat, torch.concat)
_DEVIATIONS: Final = ("std", torch.std)
_BOUNDS: Final = (*CLAMPS, "clamp_min", torch.clamp_min)


def reword(graph: fx.Graph, dims: int) -> None:
    """Say in operators that are known what a graph calculates, whose maps have so many axes.

    The order matters. Stacks come before reductions, as a sum over a stack and then along an axis
    is no sum along both, and before what has its channels last, as each map of a stack has them so
    by itself. Reductions come before that too: an axis that is missing cannot be put elsewhere.
    Products of matrices come last, when their factors are numbers. Rows go by themselves.
    """
    reword_stacks(graph)
    reword_reductions(graph)
    reword_channels_last(graph, dims)
    reword_rows(graph)
    for node in list(graph.nodes):
        if not shape(node):
            continue
        if node.target in (*_POOLS, *_JOINS, *QUOTIENTS, *DIFFERENCES):
            _sized(node)
        if node.target is operator.getitem:
            _unequal(node, dims)
        if node.target in _CATS:
            _listed(node)
        if node.target in _JOINS:
            _unspread(node)
        if node.target in DIFFERENCES:
            _difference(node)
        if node.target in QUOTIENTS:
            _variance(node)
            _normalised(node)
        if node.target in _DEVIATIONS:
            _deviation(node)
        if node.target in SUMS:
            _affine(node)
    reword_positions(graph)


def _difference(node: fx.Node) -> None:
    """Of a number X: X - Y is X + Y·(-1)."""
    if len(node.args) != 2 or node.kwargs or not shape(node.args[1]):
        return
    x, y = node.args
    assert isinstance(y, fx.Node)
    if not isinstance(x, int | float):
        return
    negative = put(node, operator.mul, y, -1, sides=shape(y))
    node.op, node.target, node.args = "call_function", operator.add, (x, negative)


def _unspread(node: fx.Node) -> None:
    """A factor or a term that is expanded to what it meets, which it is anyway."""
    if len(node.args) != 2 or node.kwargs:
        return
    for i in (0, 1):
        own, other = node.args[i], node.args[1 - i]
        if is_node(own) and own.target in EXPANDS and shape(other):
            source = own.args[0]
            if len(shape(source)) == len(shape(node)) and spread(source, other) == shape(node):
                node.update_arg(i, source)
                drop(own)


def _sized(node: fx.Node) -> None:
    """Windows and factors that are calculated of the sides of a map."""

    def known(argument: fx.Node) -> Any:
        return sides(argument) or scalar(argument)

    node.args = fx.map_arg(node.args, known)
    node.kwargs = fx.map_arg(node.kwargs, known)


def _listed(node: fx.Node) -> None:
    """Parts of a split that are concatenated as a tuple, or some of them."""
    picked: list[Any] = []
    tuples = []
    parts = node.args[0] if node.args else None
    while is_node(parts) and parts.target is operator.getitem:
        picked.append(parts.args[1])
        tuples.append(parts)
        parts = parts.args[0]
    if not is_node(parts) or not all(isinstance(index, slice) for index in picked):
        return
    metas: Any = parts.meta.get("tensor_meta")
    if parts.target not in SPLITS or not isinstance(metas, tuple | list):
        return
    order = list(range(len(metas)))
    for index in reversed(picked):
        order = order[index]
    listed = [put(node, operator.getitem, parts, i, sides=metas[i].shape) for i in order]
    node.args = (listed, *node.args[1:])
    drop(*tuples)


def _unequal(node: fx.Node, dims: int) -> None:
    """Channels that are several of the equal parts of a map are these, one after another."""
    parts = []
    for x, _, start, size in equal_parts(Seen(node, dims)):
        index = (slice(None), slice(start, start + size))
        parts.append(put(node, operator.getitem, x, index, sides=(1, size, *shape(node)[2:])))
    if parts:
        node.target, node.args = torch.cat, (parts, 1)


def _variance(node: fx.Node) -> None:
    """A sum of squared distances from the mean, by one less than there are, is a variance."""
    total, count = node.args if len(node.args) == 2 and not node.kwargs else (None, None)
    if not is_node(total) or total.target not in SUMS_ALONG or not _over_positions(total):
        return
    distance = _squared(total.args[0])
    if distance is None or distance.target not in DIFFERENCES or len(distance.args) != 2:
        return
    x, mean = distance.args
    if not is_node(mean) or mean.target not in MEANS_ALONG or mean.args[0] is not x:
        return
    axes = tuple(range(2, len(shape(x))))
    if not _over_positions(mean) or number(count) != prod(shape(x)[2:]) - 1:
        return
    node.op, node.target, node.args = "call_function", torch.var, (x, axes)
    node.kwargs = {"keepdim": True}
    drop(total)


def _normalised(node: fx.Node) -> None:
    """A map by its L2 norm along the channels, which is not less than some number."""
    x, least = node.args if len(node.args) == 2 and not node.kwargs else (None, None)
    grown = least if is_node(least) and least.target in EXPANDS else None
    least = grown.args[0] if grown is not None else least
    if not is_node(x) or not is_node(least) or least.target not in _BOUNDS:
        return
    length, *bounds = least.args
    bound = {**dict(zip(("min", "max"), bounds, strict=False)), **least.kwargs}
    if not is_node(length) or length.target is not torch.linalg.vector_norm:
        return
    of, *given = length.args
    options = {"ord": 2, **dict(zip(("ord", "dim"), given, strict=False)), **length.kwargs}
    along = options.get("ord") == 2 and options.get("dim") in (1, [1], (1,))
    whole = shape(length) == (shape(x)[0], 1, *shape(x)[2:])
    if of is x and along and whole and isinstance(bound.get("min"), float) and len(bound) == 1:
        node.op, node.target, node.args = "call_function", F.normalize, (x,)
        node.kwargs = {"eps": bound["min"]}
        drop(*filter(None, (grown, least, length)))


def _over_positions(node: fx.Node) -> bool:
    """Whether a reduction is along all axes but images and channels, and keeps these."""
    rank = len(shape(node.args[0]))
    given = {**dict(zip(("dim", "keepdim"), node.args[1:], strict=False)), **node.kwargs}
    dim = given.pop("dim", None)
    dims = dim if isinstance(dim, tuple | list) else (dim,)
    if given != {"keepdim": True} or not all(isinstance(d, int) for d in dims):
        return False
    return sorted(d % rank for d in dims) == [*range(2, rank)]


def _squared(node: Any) -> fx.Node | None:
    """What a node is the square of."""
    if not is_node(node) or not node.args or not is_node(x := node.args[0]):
        return None
    power = node.target in POWERS and node.args[1:] == (2,)
    product = node.target in PRODUCTS and node.args[1:] == (x,)
    return x if power or product or node.target in SQUARES else None


def _deviation(node: fx.Node) -> None:
    """A standard deviation is the root of a variance."""
    variance = put(node, torch.var, *node.args, sides=shape(node), kwargs=node.kwargs)
    node.op, node.target, node.args, node.kwargs = "call_function", torch.sqrt, (variance,), {}


def _affine(node: fx.Node) -> None:
    """A parameter times a map, plus another parameter, is a scale and a shift."""
    if len(node.args) != 2 or node.kwargs:
        return
    for product, shift in (node.args, node.args[::-1]):
        if not is_node(product) or learnt(shift) is None or product.target not in PRODUCTS:
            continue
        factors = product.args
        if len(factors) != 2 or not any(learnt(factor) for factor in factors):
            continue
        if len(product.users) == 1 and max(shape(shift)) > 1:
            node.op, node.target, node.args = "call_function", torch.addcmul, (shift, *factors)
            drop(product)
        return
