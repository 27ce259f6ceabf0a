"""Attention between positions in the words of matrices: products of maps whose positions are a row.

A map of S positions is a matrix (C, S), or as transposed (S, C). Of two such, (S, C) by (C, K) are
dot products, and (S, K) of these by (K, C) weighted sums. (C, S) by (S, K) are sums over positions.
"""

from __future__ import annotations

import operator
from math import isclose, prod
from typing import Any, Final, Literal, NamedTuple

import torch
from torch import fx

from archcompiler.backends.torch.idioms.calls import (
    COPIES,
    FLATTENS,
    PERMUTES,
    PRODUCTS,
    QUOTIENTS,
    SWAPS,
    UNFLATTENS,
    VIEWS,
    order_of,
)
from archcompiler.backends.torch.idioms.nodes import drop, put, stands_for
from archcompiler.backends.torch.idioms.numbers import has_images, images, number, shape
from archcompiler.backends.torch.idioms.stacks import softmax_axis
from archcompiler.backends.torch.reading import is_node
from archcompiler.ops.attend import Attend, BilinearPool, Dot
from archcompiler.ops.reduce import Softmax

_MATMULS: Final = (operator.matmul, torch.matmul, torch.bmm, "matmul", "bmm")
_LIKE: Final = ("view_as", "reshape_as")
_SCALES: Final = (*PRODUCTS, *QUOTIENTS)


class _Matrix(NamedTuple):
    """A map as a matrix (C, S), or (S, C) where it is transposed."""

    map: fx.Node
    transposed: bool = False


def reword_positions(graph: fx.Graph) -> None:
    """Say products of matrices as dot products and weighted sums, which read and give maps."""
    known: dict[fx.Node, _Matrix] = {}
    made: list[fx.Node] = []
    for node in list(graph.nodes):
        if not node.args or not shape(node):
            continue
        found = _matrix(node, known, made)
        if found is not None:
            known[node] = found
        elif (map := _map(node, known)) is not None and map in made:
            node.replace_all_uses_with(map)
            made.append(node)
    if made:
        drop(*known, *made)


def _matrix(node: fx.Node, known: dict[fx.Node, _Matrix], made: list[fx.Node]) -> _Matrix | None:
    """What a node is as a matrix; new calls are `made` for products."""
    x = node.args[0]
    if not is_node(x):
        return None
    if node.target in _MATMULS and len(node.args) == 2 and not node.kwargs:
        return _product(node, known, made)
    before = known.get(x)
    if before is None:
        return _Matrix(x) if is_row_of_positions(node, x) else None
    if node.target in COPIES:
        return before
    if node.target in (*PERMUTES, *SWAPS):
        return before._replace(transposed=not before.transposed) if _swaps(node) else None
    if (dim := softmax_axis(node)) is not None:
        axis: Literal["channels", "positions"]
        axis = "channels" if dim % 3 == (2 if before.transposed else 1) else "positions"
        softmax = _put(node, made, stands_for, Softmax(axis), before.map, like=before.map)
        return before._replace(map=softmax) if dim % 3 else None
    if before.map not in made:
        return None
    if node.target in _SCALES and len(node.args) == 2:
        by = node.args[1] if isinstance(node.args[1], float) else number(node.args[1])
        return before._replace(map=_scaled(node, made, before.map, by)) if by else None
    return None


def is_row_of_positions(node: fx.Node, x: fx.Node) -> bool:
    """Whether a node is a map with its positions in a row."""
    if len(shape(x)) < 4 or shape(node)[1:] != (shape(x)[1], prod(shape(x)[2:])):
        return False
    if node.target in FLATTENS:
        return has_images(x)
    return node.target in VIEWS and has_images(x) and images(node, node.args[1:]) is not None


def _swaps(node: fx.Node) -> bool:
    return order_of(node, len(shape(node))) == (0, 2, 1)


def _product(node: fx.Node, known: dict[fx.Node, _Matrix], made: list[fx.Node]) -> _Matrix | None:
    """(S, C) by (C, K) is what positions have in common; a product with that a sum of values."""
    a, b = (known.get(x) if is_node(x) else None for x in node.args)
    if a is None or b is None:
        return None
    if a.transposed and b.transposed:
        return _Matrix(_attend(node, made, a.map, b.map), True)
    if not a.transposed and not b.transposed:
        return _Matrix(_attend(node, made, b.map, a.map))
    if not a.transposed:
        return _Matrix(_pool(node, made, a.map, b.map))
    if b.map.target is stands_for and b.map.args[0] == BilinearPool():
        values: Any
        weights: Any
        _, values, weights = b.map.args  # columns of the one are channels of the other
        return _Matrix(_attend(node, made, a.map, _pool(node, made, weights, values)), True)
    # Positions of the second are channels of the weights, unless what reads them says otherwise.
    query, key = (b, a) if _rows_are_channels(node) else (a, b)
    like = (1, prod(shape(key.map)[2:]), *shape(query.map)[2:])
    products = _put(node, made, stands_for, Dot(), query.map, key.map, like=like)
    return _Matrix(products, query is a)


def _pool(node: fx.Node, made: list[fx.Node], values: fx.Node, weights: fx.Node) -> fx.Node:
    """The sums over all positions of the values by weights."""
    like = (1, shape(values)[1], shape(weights)[1], *[1] * (len(shape(values)) - 3))
    return _put(node, made, stands_for, BilinearPool(), values, weights, like=like)


def _rows_are_channels(node: fx.Node) -> bool:
    """Whether what reads a product makes its columns sum to 1, or a map of each of its rows."""
    while len(node.users) == 1:
        (node,) = node.users
        if (dim := softmax_axis(node)) is not None:
            return dim % 3 == 1
        if node.target in (*UNFLATTENS, *VIEWS):
            return len(shape(node)) > 3
        if node.target not in _SCALES:
            return False
    return False


def _attend(node: fx.Node, made: list[fx.Node], weights: fx.Node, values: fx.Node) -> fx.Node:
    """The sums of values that weights make."""
    like = (1, shape(values)[1], *shape(weights)[2:])
    return _put(node, made, stands_for, Attend(), weights, values, like=like)


def _scaled(node: fx.Node, made: list[fx.Node], map: fx.Node, by: float) -> fx.Node:
    """Products times a number; those by the root of the channels have that as an option."""
    divided = node.target in QUOTIENTS
    if map.target is stands_for and map.args[0] == Dot():
        _, query, key = map.args
        root = shape(query)[1] ** 0.5
        if isclose(by, root if divided else 1 / root):
            return _put(node, made, stands_for, Dot(scale=True), query, key, like=map)
    return _put(node, made, operator.truediv if divided else operator.mul, map, by, like=map)


def _put(
    node: fx.Node, made: list[fx.Node], target: Any, *args: Any, like: fx.Node | tuple[int, ...]
) -> fx.Node:
    """A new call before a node, with a shape."""
    sides = like if isinstance(like, tuple) else shape(like)
    made.append(call := put(node, target, *args, sides=sides))
    return call


def _map(node: fx.Node, known: dict[fx.Node, _Matrix]) -> fx.Node | None:
    """The map that a node lays a matrix out as again."""
    matrix = known.get(node.args[0]) if is_node(node.args[0]) else None
    if matrix is None or matrix.transposed or shape(node) != shape(matrix.map):
        return None
    if node.target in VIEWS:
        return matrix.map if images(node, node.args[1:]) is not None else None
    like = node.args[1] if node.target in _LIKE else None
    return matrix.map if node.target in UNFLATTENS or (is_node(like) and has_images(like)) else None
