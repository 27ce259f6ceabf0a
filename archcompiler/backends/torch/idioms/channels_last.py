"""Maps with their channels last: what is done to them there, said of maps with the channels first.

What stands between `permute(0, 2, 3, 1)` and `permute(0, 3, 1, 2)` is done to (H, W, C): a linear
layer is a convolution of one pixel, and a row of numbers one for each channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import fx, nn

from archcompiler.backends.torch.idioms.axes import ordered
from archcompiler.backends.torch.idioms.calls import (
    COPIES,
    DIFFERENCES,
    MAXIMA_ALONG,
    MEANS_ALONG,
    PRODUCTS,
    QUOTIENTS,
    SUMS,
    SUMS_ALONG,
    channels_first,
    channels_last,
)
from archcompiler.backends.torch.idioms.elementwise import is_elementwise
from archcompiler.backends.torch.idioms.factors import learnt
from archcompiler.backends.torch.idioms.nodes import drop, put, stands_for, submodule
from archcompiler.backends.torch.idioms.numbers import shape
from archcompiler.backends.torch.reading import is_node
from archcompiler.backends.torch.stored import TENSORS, Stored, stored
from archcompiler.ops.conv import Conv
from archcompiler.ops.norm import LayerNorm

_JOINS: Final = (*SUMS, *DIFFERENCES, *PRODUCTS, *QUOTIENTS)
"""Element by element, whatever the order of axes."""
_NORMS: Final = (torch.norm, "norm", torch.linalg.vector_norm)
"""With their order before the axes."""
_REDUCTIONS: Final = (*MEANS_ALONG, *SUMS_ALONG, *MAXIMA_ALONG, *_NORMS)


def reword_channels_last(graph: fx.Graph, dims: int) -> None:
    """Say of maps of so many axes what is said of them with their channels last."""
    known: dict[fx.Node, fx.Node] = {}
    made: list[fx.Node] = []
    for node in list(graph.nodes):
        if not shape(node) or not any(is_node(x) for x in node.args):
            continue
        source, order = ordered(node)
        if order == channels_last(dims) and source not in known:
            known[node] = source
            made += _steps(node, source)
        elif order == channels_first(dims) and source in known:
            node.replace_all_uses_with(known[source])
            made += _steps(node, source)
        elif any(x in known for x in node.args if is_node(x)):
            found = _said(node, known, made)
            if found is None:
                continue
            if shape(found) == shape(node) and len(shape(node)) == 2:
                node.replace_all_uses_with(found)  # a vector
                made.append(node)
            else:
                known[node] = found
    drop(*known, *made)


def _steps(node: fx.Node, source: Any) -> Iterator[fx.Node]:
    """The calls that bring the axes of a tensor into another order, the last first."""
    while node is not source:
        yield node
        node = node.args[0]  # type: ignore[assignment]


def _said(node: fx.Node, known: dict[fx.Node, fx.Node], made: list[fx.Node]) -> fx.Node | None:
    """The same of maps; None for what is not known to be the same of any order."""
    x: Any = node.args[0]
    args: list[Any] = [known.get(x, x) if is_node(x) else x for x in node.args]
    module = submodule(node)
    if node.target in COPIES:
        return known[x]
    if is_elementwise(node):
        return _put(node, made, node.target, *args, kwargs=node.kwargs)
    if node.target in _JOINS and len(args) == 2 and not node.kwargs:
        return _joined(node, args, known, made)
    if node.target in _REDUCTIONS:
        return _reduced(node, known, made)
    if isinstance(module, nn.Linear):
        bias = module.bias is not None
        names = [f"{node.target}.{name}" for name in ("weight", "bias")[: 1 + bias]]
        return _pointwise(node, made, args[0], names, tuple(module.weight.shape))
    if isinstance(module, nn.LayerNorm) and module.elementwise_affine and module.bias is not None:
        names = [f"{node.target}.{name}" for name in ("weight", "bias")]
        return _normal(node, made, args[0], names, module.normalized_shape, module.eps)
    return _functional(node, made, args)


def _functional(node: fx.Node, made: list[fx.Node], args: list[Any]) -> fx.Node | None:
    """Of the functions that have tensors of the module."""
    if node.target not in (F.linear, F.layer_norm):
        return None
    names: tuple[str, ...] = ("input", "weight", "bias")
    if node.target is F.layer_norm:
        names = ("input", "normalized_shape", *names[1:], "eps")
    options = (
        {"weight": None, "bias": None, "eps": 1e-5}
        | dict(zip(names, args, strict=False))
        | node.kwargs
    )
    tensors = [stored(options[name]) for name in ("weight", "bias")]
    found = [tensor.name for tensor in tensors if tensor is not None and not tensor.order]
    if node.target is F.layer_norm:
        if len(found) < 2:
            return None
        return _normal(node, made, args[0], found, options["normalized_shape"], options["eps"])
    if len(found) < 1 + (options["bias"] is not None):
        return None
    return _pointwise(node, made, args[0], found, shape(options["weight"]))


def _put(
    node: fx.Node,
    made: list[fx.Node],
    target: Any,
    *args: Any,
    sides: tuple[int, ...] | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> fx.Node:
    """A new call before a node; its shape, if it is not said, is the node's with channels first."""
    own = shape(node)
    sides = (own[0], own[-1], *own[1:-1]) if sides is None else sides
    made.append(call := put(node, target, *args, sides=sides, kwargs=kwargs))
    return call


def _joined(
    node: fx.Node, args: list[Any], known: dict[fx.Node, fx.Node], made: list[fx.Node]
) -> fx.Node | None:
    """Of maps, numbers, and rows of parameters, which are one for each channel."""
    channels = shape(node)[-1]
    for i, (own, x) in enumerate(zip(node.args, args, strict=True)):
        if not is_node(own) or own in known:
            continue
        if learnt(own) is not None and prod(shape(own)) == 1:
            continue
        if learnt(own) is None or shape(own)[-1:] != (channels,) or prod(shape(own)) != channels:
            return None
        column = (channels, *(1,) * (len(shape(node)) - 2))
        args[i] = _put(node, made, "view", x, column, sides=column)
    return _put(node, made, node.target, *args)


def _reduced(node: fx.Node, known: dict[fx.Node, fx.Node], made: list[fx.Node]) -> fx.Node | None:
    """Along axes that are somewhere else, which stay; or over all positions, which do not."""
    x: Any = node.args[0]
    map, rank = known[x], len(shape(x))
    given = dict(node.kwargs)
    at = 2 if node.target in _NORMS else 1
    dim: Any = given.get("dim", node.args[at] if len(node.args) > at else None)
    dims = dim if isinstance(dim, tuple | list) else (dim,)
    if not all(isinstance(d, int) for d in dims):
        return None
    places = {d: 1 if d == rank - 1 else d + 1 for d in range(1, rank)}
    own = tuple(sorted(places.get(d % rank, 0) for d in dims))
    vector = len(shape(node)) == 2 and own == tuple(range(2, rank))
    if own[0] == 0 or (len(shape(node)) != rank and not vector):
        return None
    rest = node.args[1:at] if at == 2 else ()
    kept = {**node.kwargs, "dim": own, "keepdim": not vector}
    sides = shape(node) if vector else None
    return _put(node, made, node.target, map, *rest, sides=sides, kwargs=kept)


def _pointwise(
    node: fx.Node, made: list[fx.Node], map: fx.Node, names: list[str], matrix: tuple[int, ...]
) -> fx.Node:
    """A linear layer of each position."""
    features, inner = matrix
    dims = len(shape(node)) - 2
    conv = Conv(inner, features, 1, 1, 0, 1, 1, len(names) > 1, dims)
    call = _put(node, made, stands_for, conv, map)
    shapes = ((*matrix, *(1,) * dims), (features,))
    named = zip(("weight", "bias"), names, shapes, strict=False)
    call.meta[TENSORS] = {own: Stored(name, shape=sides) for own, name, sides in named}
    return call


def _normal(
    node: fx.Node, made: list[fx.Node], map: fx.Node, names: list[str], sides: Any, eps: float
) -> fx.Node | None:
    """A layer norm of each position."""
    if tuple(sides) != shape(node)[-1:]:
        return None
    call = _put(node, made, stands_for, LayerNorm(shape(node)[-1], eps), map)
    weight, bias = (Stored(name) for name in names)
    call.meta[TENSORS] = {"weight": weight, "bias": bias}
    return call
