"""Axes in another order: transposed maps, layer norms with the channels last; and copies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch.nn.functional as F
from torch import fx, nn

from archcompiler.backends.reading import PART, UnknownOperation
from archcompiler.backends.torch.idioms.calls import (
    COPIES,
    MOVES,
    PERMUTES,
    SWAPS,
    channels_last,
    order_of,
)
from archcompiler.backends.torch.idioms.numbers import shape
from archcompiler.backends.torch.idioms.rows import channel_conv
from archcompiler.backends.torch.reading import Reading, Seen, is_node
from archcompiler.backends.torch.record import Reader
from archcompiler.backends.torch.stored import keep
from archcompiler.ops.norm import LayerNorm
from archcompiler.ops.split import Transpose


def ordered(node: fx.Node) -> tuple[fx.Node, tuple[int, ...]]:
    """What a tensor is but for the order of its axes, and that order, as `permute` takes it."""
    order = tuple(range(len(shape(node))))
    while True:
        source = node.args[0] if node.args else None
        if not is_node(source):
            return node, order
        if node.target in COPIES:
            node = source
            continue
        own = order_of(node, len(order))
        if own is None:
            return node, order
        node, order = source, tuple(own[axis] for axis in order)


def permute(seen: Seen, x: fx.Node, *axes: Any, **named: Any) -> Reading:
    """`x.permute(0, 1, 3, 2)`, an order that is taken back, or half of either."""
    if (conv := channel_conv(seen)) is not None:
        return conv
    source, order = ordered(seen.node)
    kept = tuple(range(len(order)))
    if order == kept:
        return source
    if order[:1] != (0,):
        raise UnknownOperation(f"`{seen.node.name}` puts the axes in the order {order}")
    if seen.dims == 2 and order == (0, 1, 3, 2):
        return Transpose(), [source]
    return PART


def layer_norm(seen: Seen, module: nn.LayerNorm, x: fx.Node) -> Reading:
    """Of a vector, or of a map with the channels last, which are first again after it."""
    if not module.elementwise_affine or module.bias is None:
        raise UnknownOperation(f"a layer norm without scale or shift: {module}")
    return _normalised(seen, x, module.normalized_shape, module.eps)


def layer_norm_function(
    seen: Seen,
    input: fx.Node,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Reading:
    """`F.layer_norm` with a scale and a shift of the module."""
    keep(seen, weight=weight, bias=bias)
    if weight is None or bias is None:
        raise UnknownOperation("a layer norm without scale or shift")
    return _normalised(seen, input, normalized_shape, eps)


def _normalised(seen: Seen, x: fx.Node, axes: Any, eps: float) -> Reading:
    _, order = ordered(x)
    channels = shape(x)[-1:]
    if tuple(axes) != channels:
        raise UnknownOperation(f"`{seen.node.name}` normalises more than channels: {tuple(axes)}")
    if seen.is_flat(x):
        return LayerNorm(channels[0], eps), [x]
    if len(order) != seen.dims + 2 or order != channels_last(seen.dims):
        raise UnknownOperation(f"`{seen.node.name}` normalises along the last axis of a map")
    return PART


def copy(seen: Seen, x: fx.Node, memory_format: object = None) -> Reading:
    """A copy, which is the same map."""
    return x


def data(seen: Seen, x: Any, name: str) -> Reading | None:
    """`x.data`, whose shape is read."""
    return PART if name == "data" and is_node(x) and shape(x) else None


def readers() -> Iterable[Reader]:
    yield Reader(getattr, data)
    for target in (*PERMUTES, *SWAPS, *MOVES):
        yield Reader(target, permute)
    yield Reader(nn.LayerNorm, layer_norm)
    yield Reader(F.layer_norm, layer_norm_function)
    for target in COPIES:
        yield Reader(target, copy)
