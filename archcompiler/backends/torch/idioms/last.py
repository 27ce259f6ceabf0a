"""Maps with their channels last: what is done to them there, said of maps with the channels first.

What stands between `permute(0, 2, 3, 1)` and `permute(0, 3, 1, 2)` is done to (H, W, C): a linear
layer is a convolution of one pixel, and a row of numbers one for each channel.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from math import prod
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import fx, nn

from archcompiler.backends.torch.idioms.alike import is_elementwise, submodule
from archcompiler.backends.torch.idioms.calls import COPIES, order_of
from archcompiler.backends.torch.idioms.factors import learnt
from archcompiler.backends.torch.idioms.numbers import shape
from archcompiler.backends.torch.reading import Reading, Seen, is_node
from archcompiler.backends.torch.record import Reader
from archcompiler.backends.torch.stored import TENSORS, Stored, stored
from archcompiler.backends.torch.tracer import LINE
from archcompiler.ops.conv import Conv
from archcompiler.ops.norm import LayerNorm

_JOINS: Final = (
    *(operator.add, torch.add, "add", operator.sub, torch.sub, "sub"),
    *(operator.mul, torch.mul, "mul", operator.truediv, torch.div, "div"),
)
"""Element by element, whatever the order of axes."""
_REDUCTIONS: Final = (
    *(torch.mean, "mean", torch.sum, "sum", torch.amax, "amax"),
    *(torch.norm, "norm", torch.linalg.vector_norm),
)


def reword_last(graph: fx.Graph) -> None:
    """Say of maps what is said of them with their channels last."""
    known: dict[fx.Node, fx.Node] = {}
    made: list[fx.Node] = []
    for node in list(graph.nodes):
        if not shape(node) or not any(is_node(x) for x in node.args):
            continue
        source = node.args[0]
        order = order_of(node, len(shape(node)))
        if order == _last(len(order or ())) and source not in known:
            known[node] = source
        elif order is not None and source in known and order == _first(len(order)):
            node.replace_all_uses_with(known[source])
            made.append(node)
        elif any(x in known for x in node.args if is_node(x)):
            with graph.inserting_before(node):
                found = _said(node, known, made)
            if found is None:
                continue
            if shape(found) == shape(node) and len(shape(node)) == 2:
                node.replace_all_uses_with(found)  # a vector
                made.append(node)
            else:
                known[node] = found
    for node in sorted({*known, *made}, reverse=True):
        if not node.users:
            graph.erase_node(node)


def _last(rank: int) -> tuple[int, ...]:
    """The order of axes with the channels last, of maps of two axes or more."""
    return (0, *range(2, rank), 1) if rank > 3 else ()


def _first(rank: int) -> tuple[int, ...]:
    return (0, rank - 1, *range(1, rank - 1))


def _said(node: fx.Node, known: dict[fx.Node, fx.Node], made: list[fx.Node]) -> fx.Node | None:
    """The same of maps; None for what is not known to be the same of any order."""
    x: Any = node.args[0]
    args: list[Any] = [known.get(x, x) if is_node(x) else x for x in node.args]
    module = submodule(node)
    if node.target in COPIES:
        return known[x]
    if is_elementwise(node):
        return _put(node, made, *args)
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
    node: fx.Node, made: list[fx.Node], *args: Any, sides: tuple[int, ...] | None = None, **new: Any
) -> fx.Node:
    """A call before a node: of the same, but for what is `new`, with these arguments."""
    called = {"op": node.op, "target": node.target, "kwargs": node.kwargs} | new
    call = node.graph.create_node(args=tuple(args), **called)
    own = shape(node)
    sides = (own[0], own[-1], *own[1:-1]) if sides is None else sides
    meta = node.meta["tensor_meta"]._replace(shape=torch.Size(sides))
    call.meta = {LINE: node.meta.get(LINE), "tensor_meta": meta}
    made.append(call)
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
        args[i] = _put(
            node, made, x, column, sides=column, op="call_method", target="view", kwargs={}
        )
    return _put(node, made, *args)


def _reduced(node: fx.Node, known: dict[fx.Node, fx.Node], made: list[fx.Node]) -> fx.Node | None:
    """Along axes that are somewhere else, which stay; or over all positions, which do not."""
    x: Any = node.args[0]
    map, rank = known[x], len(shape(x))
    given = dict(node.kwargs)
    at = 2 if node.target in _REDUCTIONS[6:] else 1
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
    return _put(node, made, map, *rest, kwargs=kept, sides=shape(node) if vector else None)


def _pointwise(
    node: fx.Node, made: list[fx.Node], map: fx.Node, names: list[str], matrix: tuple[int, ...]
) -> fx.Node:
    """A linear layer of each position."""
    called: dict[str, Any] = {"op": "call_function", "target": pointwise, "kwargs": {}}
    call = _put(node, made, map, *matrix, len(names) > 1, **called)
    shapes = ((*matrix, *(1,) * (len(shape(node)) - 2)), matrix[:1])
    named = zip(("weight", "bias"), names, shapes, strict=False)
    call.meta[TENSORS] = {own: Stored(name, shape=sides) for own, name, sides in named}
    return call


def _normal(
    node: fx.Node, made: list[fx.Node], map: fx.Node, names: list[str], sides: Any, eps: float
) -> fx.Node | None:
    """A layer norm of each position."""
    if tuple(sides) != shape(node)[-1:]:
        return None
    call = _put(node, made, map, *sides, eps, op="call_function", target=normal, kwargs={})
    weight, bias = (Stored(name) for name in names)
    call.meta[TENSORS] = {"weight": weight, "bias": bias}
    return call


def pointwise(map: Any, features: int, inner: int, bias: bool) -> Any:
    """Stands for a linear layer of each position in a graph that is read."""
    raise NotImplementedError


def normal(map: Any, channels: int, eps: float) -> Any:
    """Stands for a layer norm of each position in a graph that is read."""
    raise NotImplementedError


def read_pointwise(seen: Seen, map: fx.Node, features: int, inner: int, bias: bool) -> Reading:
    return Conv(inner, features, 1, 1, 0, 1, 1, bias, seen.dims), [map]


def read_normal(seen: Seen, map: fx.Node, channels: int, eps: float) -> Reading:
    return LayerNorm(channels, eps), [map]


def readers() -> Iterable[Reader]:
    yield Reader(pointwise, read_pointwise)
    yield Reader(normal, read_normal)
