"""Functions of torch with tensors of the module, and forms of its operators."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm

from archcompiler.backends.reading import UnknownOperation, sides
from archcompiler.backends.torch.idioms.calls import CLAMPS, MAXIMA_ALONG, MEANS_ALONG, SUMS_ALONG
from archcompiler.backends.torch.idioms.numbers import shape
from archcompiler.backends.torch.ops.conv_transpose import transposed
from archcompiler.backends.torch.reading import Reading, Seen
from archcompiler.backends.torch.record import Reader
from archcompiler.backends.torch.stored import keep
from archcompiler.ops.activation import Prelu, Relu, Relu6
from archcompiler.ops.conv import Conv
from archcompiler.ops.conv_transpose import ConvTranspose
from archcompiler.ops.linear import Linear
from archcompiler.ops.norm import BatchNorm, GroupNorm, SpatialNorm
from archcompiler.ops.reduce import How, Reduce
from archcompiler.ops.regularise import Dropout
from archcompiler.ops.resize import Interpolate, InterpolationMode


def conv(
    seen: Seen,
    input: fx.Node,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Reading:
    """`F.conv2d` with a kernel of the module."""
    if isinstance(padding, str):
        raise UnknownOperation(f"a convolution with `{padding}` padding")
    keep(seen, weight=weight, bias=bias)
    channels, inner, *kernel = shape(weight)
    op = Conv(
        inner * groups,
        channels,
        sides(kernel, seen.dims),
        sides(stride, seen.dims),
        sides(padding, seen.dims),
        sides(dilation, seen.dims),
        groups,
        bias is not None,
        seen.dims,
    )
    return op, [input]


def conv_transpose(
    seen: Seen,
    input: fx.Node,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Reading:
    """`F.conv_transpose2d` with a kernel of the module."""
    keep(seen, weight=weight, bias=bias)
    channels, inner, *kernel = shape(weight)
    op = ConvTranspose(
        channels,
        inner * groups,
        sides(kernel, seen.dims),
        sides(stride, seen.dims),
        sides(padding, seen.dims),
        sides(dilation, seen.dims),
        groups,
        bias is not None,
        seen.dims,
        sides(output_padding, seen.dims),
    )
    return op, [input]


def to_size(
    seen: Seen, module: _ConvTransposeNd, input: fx.Node, output_size: Any = None
) -> Reading | None:
    """A transposed convolution to a size that is written as numbers, or read of a map."""
    if output_size is None:
        return None
    # Whose size it is makes no difference at one size.
    return transposed(module, seen.dims, sized=True), [input, input]


def linear(seen: Seen, input: fx.Node, weight: Any, bias: Any = None) -> Reading:
    """`F.linear` with a matrix of the module."""
    if not seen.is_flat(input):
        raise UnknownOperation(f"`{seen.node.name}` applies a linear layer to a map")
    keep(seen, weight=weight, bias=bias)
    features, inner = shape(weight)
    return Linear(inner, features, bias is not None), [input]


def batch_norm(
    seen: Seen,
    input: fx.Node,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Reading:
    """`F.batch_norm` with statistics of the module."""
    if weight is None or bias is None or training:
        raise UnknownOperation("a batch norm without scale or running statistics")
    keep(seen, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    return BatchNorm(shape(weight)[0], eps, momentum), [input]


def group_norm(
    seen: Seen,
    input: fx.Node,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Reading:
    """`F.group_norm` with a scale and a shift of the module."""
    if weight is None or bias is None:
        raise UnknownOperation("a group norm without scale or shift")
    keep(seen, weight=weight, bias=bias)
    return GroupNorm(shape(weight)[0], num_groups, eps), [input]


def prelu(seen: Seen, input: fx.Node, weight: Any) -> Reading:
    """`F.prelu` with slopes of the module."""
    keep(seen, weight=weight)
    return Prelu(prod(shape(weight))), [input]


def resize(
    seen: Seen,
    input: fx.Node,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Reading | None:
    """Resampling to a size that is written as numbers, or read of the sides of a map."""
    if scale_factor is not None or antialias:
        return None
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[seen.dims]
    if mode not in ("nearest", linear):
        return None
    kept: InterpolationMode = "nearest" if mode == "nearest" else "bilinear"
    # Whose size it is makes no difference at one size.
    return Interpolate(kept, bool(align_corners)), [input, input]


def resize_module(seen: Seen, module: nn.Upsample, input: fx.Node) -> Reading | None:
    return resize(seen, input, module.size, module.scale_factor, module.mode, module.align_corners)


def over_positions(how: How) -> Callable[..., Reading | None]:
    """`x.mean([2, 3])`, which leaves a vector of channels."""

    def read(seen: Seen, x: fx.Node, dim: Any = None, keepdim: bool = False) -> Reading | None:
        rank = seen.dims + 2
        numbers = dim if isinstance(dim, tuple | list) else (dim,)
        whole = None not in numbers and tuple(sorted(n % rank for n in numbers)) == seen.axes
        return (Reduce(how, "positions"), [x]) if whole and not keepdim else None

    return read


def dropout(
    seen: Seen, input: fx.Node, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Reading:
    """`F.dropout` with the module's own `training`, which is off in a trace."""
    if training:
        raise UnknownOperation(f"`{seen.node.name}` drops features in evaluation too")
    return Dropout(p), [input]


def dropout_of_channels(seen: Seen, module: Any, input: fx.Node) -> Reading | None:
    """Of maps of one pixel, whose elements are their channels."""
    one = not seen.is_flat(input) and seen.type_of(input).pixels == 1
    return (Dropout(module.p), [input]) if one else None


def instance_norm(seen: Seen, module: _InstanceNorm, input: fx.Node) -> Reading:
    """A group norm with a group for each channel."""
    if module.track_running_stats:
        raise UnknownOperation(f"an instance norm with running statistics: {module}")
    if not module.affine:
        return SpatialNorm(module.eps), [input]
    return GroupNorm(module.num_features, module.num_features, module.eps), [input]


def clamp(seen: Seen, input: fx.Node, min: Any = None, max: Any = None) -> Reading:
    """ReLU and ReLU6 by their ends."""
    if min != 0 or max not in (None, 6):
        raise UnknownOperation(f"`{seen.node.name}` clamps to [{min}, {max}]")
    return (Relu() if max is None else Relu6()), [input]


def readers() -> Iterable[Reader]:
    for function in (F.conv1d, F.conv2d, F.conv3d):
        yield Reader(function, conv)
    for dims in (1, 2, 3):
        yield Reader(getattr(F, f"conv_transpose{dims}d"), conv_transpose)
        yield Reader(getattr(nn, f"ConvTranspose{dims}d"), to_size)
        yield Reader(getattr(nn, f"Dropout{dims}d"), dropout_of_channels)
        yield Reader(getattr(nn, f"InstanceNorm{dims}d"), instance_norm)
    for target in (*CLAMPS, "clamp_"):
        yield Reader(target, clamp)
    yield Reader(F.linear, linear)
    yield Reader(F.batch_norm, batch_norm)
    yield Reader(F.group_norm, group_norm)
    yield Reader(F.prelu, prelu)
    yield Reader(torch.prelu, prelu)
    yield Reader(F.dropout, dropout)
    yield Reader(F.interpolate, resize)
    for cls in (nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d):
        yield Reader(cls, resize_module)
    reductions: dict[How, tuple[object, ...]] = {
        "mean": MEANS_ALONG,
        "max": MAXIMA_ALONG,
        "sum": SUMS_ALONG,
    }
    for how, targets in reductions.items():
        for target in targets:
            yield Reader(target, over_positions(how))
