"""Operators of ONNX as calls of PyTorch, one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import torch
import torch.nn.functional as F
from torch import fx

from archcompiler.backends.reading import UnknownOperation
from archcompiler.foreign import onnx_layout
from archcompiler.foreign.onnx_interpolation import gathered, interpolated
from archcompiler.foreign.onnx_node import Call, OnnxNode, shortest

Word: TypeAlias = Callable[[OnnxNode], Call]


def _plain(function: Callable[..., Any]) -> Word:
    """The same inputs in the same order, and nothing else."""
    return lambda node: (function, tuple(map(node.operand, range(len(node.inputs)))), {})


def _conv(node: OnnxNode) -> Call:
    dims = node.constant(1).dim() - 2
    function = (F.conv1d, F.conv2d, F.conv3d)[dims - 1]
    stride, padding, dilation = _window(node, dims)
    given = (node.node(), node.node(1), _bias(node))
    return function, (*given, stride, padding, dilation, node.option("group", 1)), {}


def _bias(node: OnnxNode) -> Any:
    """The bias of a layer; exporters that do not optimise calculate one of zeros."""
    if not node.has(2) or not (node.graph.initial(node.name(2)) or node.constant(2).any()):
        return None
    return node.node(2)


def _conv_transpose(node: OnnxNode) -> Call:
    if "output_shape" in node.options:
        raise UnknownOperation("a ConvTranspose to a size")
    dims = node.constant(1).dim() - 2
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[dims - 1]
    stride, padding, dilation = _window(node, dims)
    more = tuple(node.option("output_padding", (0,) * dims))
    given = (node.node(), node.node(1), _bias(node), stride, padding, more)
    return function, (*given, node.option("group", 1), dilation), {}


def _batch_norm(node: OnnxNode) -> Call:
    if node.option("training_mode", 0):
        raise UnknownOperation("a BatchNormalization in training")
    x, scale, shift, mean, variance = node.nodes()
    momentum = round(1 - node.option("momentum", 0.9), 7)
    eps = node.option("epsilon", 1e-5)
    return F.batch_norm, (x, mean, variance, scale, shift, False, momentum, eps), {}


def _layer_norm(node: OnnxNode) -> Call:
    if node.option("axis", -1) != -1:
        raise UnknownOperation("a LayerNormalization of more than the last axis")
    x, *factors = node.nodes()
    channels = tuple(node.constant(1).shape)
    return F.layer_norm, (x, channels, *factors), {"eps": node.option("epsilon", 1e-5)}


def _group_norm(node: OnnxNode) -> Call:
    x, *factors = node.nodes()
    named = {"eps": node.option("epsilon", 1e-5)}
    return F.group_norm, (x, node.options["num_groups"], *factors), named


def _instance_norm(node: OnnxNode) -> Call:
    """Each channel by itself, or each group of channels, which are a row each."""
    if not bool((node.constant(1) == 1).all()) or bool(node.constant(2).any()):
        raise UnknownOperation("an InstanceNormalization with a scale or a shift")
    eps = {"eps": node.option("epsilon", 1e-5)}
    source = node.graph.views.get(node.name(0))
    if source is None:
        return F.instance_norm, (node.node(),), eps
    node.graph.views[node.outputs[0]] = source
    return F.group_norm, (node.graph.node(source), node.constant(1).numel()), eps


def _add(node: OnnxNode) -> Call:
    """A sum; with the shift of a group norm, behind its scale, that norm; or an interpolation."""
    between = interpolated(node)
    if between is not None:
        return between
    for product, shift in ((0, 1), (1, 0)):
        scaled = node.operand(product)
        if not isinstance(scaled, fx.Node) or scaled.target is not torch.mul:
            continue
        norm, scale = scaled.args
        if not isinstance(norm, fx.Node) or norm.target is not F.group_norm or len(norm.args) > 2:
            continue
        if isinstance(scale, fx.Node) and {scale.target, node.name(shift)} <= {
            *node.graph.constants
        }:
            rank = len(node.shape())
            names = (str(scale.target), node.name(shift))
            tensors = (node.graph.row(name, rank) for name in names)
            return F.group_norm, (*norm.args, *tensors), dict(norm.kwargs)
    return torch.add, (node.operand(0), node.operand(1)), {}


def _max_pool(node: OnnxNode) -> Call:
    kernel = tuple(node.options["kernel_shape"])
    function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
    stride, padding, dilation = _window(node, len(kernel))
    ceil = bool(node.option("ceil_mode", 0))
    return function, (node.node(), kernel, stride, padding, dilation, ceil), {}


def _avg_pool(node: OnnxNode) -> Call:
    kernel = tuple(node.options["kernel_shape"])
    function = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
    stride, padding, dilation = _window(node, len(kernel))
    if max(dilation) > 1:
        raise UnknownOperation("an AveragePool with gaps")
    ceil, counted = (bool(node.option(name, 0)) for name in ("ceil_mode", "count_include_pad"))
    return function, (node.node(), kernel, stride, padding, ceil, counted), {}


def _window(node: OnnxNode, dims: int) -> tuple[tuple[int, ...], ...]:
    """Stride, padding and dilation, along each axis."""
    pads = tuple(node.option("pads", (0,) * 2 * dims))
    before, after = pads[:dims], pads[dims:]
    if node.word("auto_pad", "NOTSET") not in ("NOTSET", "VALID", "") or before != after:
        raise UnknownOperation("a window that is padded unevenly")
    ones = (1,) * dims
    return tuple(node.option("strides", ones)), before, tuple(node.option("dilations", ones))


def _global(word: str) -> Word:
    def pool(node: OnnxNode) -> Call:
        dims = len(node.shape()) - 2
        return getattr(F, f"adaptive_{word}_pool{dims}d"), (node.node(), 1), {}

    return pool


def _reduced(function: Callable[..., Any], *arguments: Any) -> Word:
    def word(node: OnnxNode) -> Call:
        axes = list(node.options["axes"]) if "axes" in node.options else node.numbers(1)
        kept = bool(node.option("keepdims", 1))
        x = node.name(0)
        source, *new = node.inputs_of(x, "Unsqueeze") or [""]
        added = node.graph.constants.get(new[0]) if new else None
        if kept and added is not None and added.numel() == 1:
            # torch has a pool over a row of positions as one over the two axes of a map.
            rank, one = len(node.graph.shape(x)), int(added) % len(node.graph.shape(x))
            others = sorted({axis % rank for axis in axes} - {one})
            if others and len(others) < len(axes):
                x, axes = source, [axis - (axis > one) for axis in others]
        return function, (node.graph.node(x), *arguments), {"dim": axes, "keepdim": kept}

    return word


def _gemm(node: OnnxNode) -> Call:
    factors = (node.option("alpha", 1.0), node.option("beta", 1.0), node.option("transA", 0))
    if factors != (1.0, 1.0, 0):
        raise UnknownOperation("a Gemm that is no linear layer")
    if node.has(2) and node.constant(2).shape != node.shape()[1:]:
        raise UnknownOperation("a Gemm whose bias is no number for each feature")
    x, weight, *bias = node.nodes()
    matrix = weight if node.option("transB", 0) else _transposed(node, weight)
    return F.linear, (x, matrix, *bias), {}


def _matmul(node: OnnxNode) -> Call:
    x, weight = node.nodes()
    if node.name(1) not in node.graph.constants:
        return torch.matmul, (x, weight), {}
    return F.linear, (x, _transposed(node, weight)), {}


def _transposed(node: OnnxNode, matrix: fx.Node) -> fx.Node:
    return node.graph.traced.call_function(torch.permute, (matrix, (1, 0)))


def _resize(node: OnnxNode) -> Call:
    mode = node.word("mode", "nearest")
    way = node.word("coordinate_transformation_mode", "half_pixel")
    size = node.sides()
    if way == "pytorch_half_pixel" and 1 in size:
        raise UnknownOperation("a Resize to one position, which PyTorch takes in the middle")
    if node.option("antialias", 0) or not _is_to_size(node, size):
        raise UnknownOperation(
            "a Resize that is smoothed, or by factors that lead to no whole size"
        )
    floor = node.word("nearest_mode", "round_prefer_floor") == "floor"
    if mode == "nearest" and way == "asymmetric" and floor:
        return F.interpolate, (node.node(),), {"size": size, "mode": "nearest"}
    if mode == "linear" and way in ("align_corners", "half_pixel", "pytorch_half_pixel"):
        linear = ("linear", "bilinear", "trilinear")[len(size) - 1]
        named = {"size": size, "mode": linear, "align_corners": way == "align_corners"}
        return F.interpolate, (node.node(),), named
    raise UnknownOperation(f"a Resize by {mode} with {way}")


def _is_to_size(node: OnnxNode, size: tuple[int, ...]) -> bool:
    """Whether positions are those of the two sizes; of a factor such as 1.3 they are its own."""
    before = node.graph.shape(node.name(0))[2:]
    if not node.has(2) or None in before:
        return not node.has(2)
    factors = node.constant(2).tolist()[2:]
    sides = zip(before, factors, size, strict=True)
    return all(shortest(side / int(own or 1)) == shortest(factor) for own, factor, side in sides)


def _clip(node: OnnxNode) -> Call:
    least, most = (node.number(place) if node.has(place) else None for place in (1, 2))
    if (least, most) == (0, 6):
        return F.relu6, (node.node(),), {}
    if most is None and least is not None:
        return torch.clamp_min, (node.node(), least), {}
    raise UnknownOperation(f"a Clip from {least} to {most}")


def _gelu(node: OnnxNode) -> Call:
    return F.gelu, (node.node(),), {"approximate": node.word("approximate", "none")}


def _leaky_relu(node: OnnxNode) -> Call:
    return F.leaky_relu, (node.node(), node.option("alpha", 0.01)), {}


def _hard_sigmoid(node: OnnxNode) -> Call:
    slope = node.option("alpha", 0.2)
    if slope != shortest(1 / 6) or node.option("beta", 0.5) != 0.5:
        raise UnknownOperation(f"a HardSigmoid of slope {slope}")
    return F.hardsigmoid, (node.node(),), {}


def _elu(node: OnnxNode) -> Call:
    if node.option("alpha", 1.0) != 1.0:
        raise UnknownOperation("an Elu that does not go to -1")
    return F.elu, (node.node(),), {}


def _prelu(node: OnnxNode) -> Call:
    node.constant(1)
    return F.prelu, (node.node(), node.row(1)), {}


def _softmax(node: OnnxNode) -> Call:
    if node.graph.opset < 13:
        # Over all elements from an axis on.
        rank = len(node.shape())
        if node.option("axis", 1) % rank != rank - 1:
            raise UnknownOperation("a Softmax over several axes, as it was before opset 13")
        return torch.softmax, (node.node(), -1), {}
    return torch.softmax, (node.node(), node.option("axis", -1)), {}


def _pow(node: OnnxNode) -> Call:
    exponent = node.number(1)
    return torch.pow, (node.node(), int(exponent) if exponent.is_integer() else exponent), {}


def _where(node: OnnxNode) -> Call:
    """A softplus, which is its input from 20 on, as PyTorch computes it."""
    test, x, other = node.nodes()
    softplus = other.target is F.softplus and other.args == (x,)
    if not softplus or test.target is not torch.gt or test.args != (x, 20.0):
        raise UnknownOperation("a Where that is no softplus")
    return None, (other,), {}


WORDS: Final[Mapping[str, Word]] = {
    **onnx_layout.WORDS,
    "Add": _add,
    "AveragePool": _avg_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Div": _plain(torch.div),
    "Elu": _elu,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _global("avg"),
    "GlobalMaxPool": _global("max"),
    "Greater": _plain(torch.gt),
    "GroupNormalization": _group_norm,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain(F.hardswish),
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "Max": _plain(torch.maximum),
    "GatherND": gathered,
    "MaxPool": _max_pool,
    "Mish": _plain(F.mish),
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "PRelu": _prelu,
    "Pow": _pow,
    "ReduceL2": _reduced(torch.linalg.vector_norm, 2),
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Relu": _plain(F.relu),
    "Resize": _resize,
    "Sigmoid": _plain(torch.sigmoid),
    "Softmax": _softmax,
    "Softplus": _plain(F.softplus),
    "Sqrt": _plain(torch.sqrt),
    "Sub": _plain(torch.sub),
    "Tanh": _plain(torch.tanh),
    "Where": _where,
}
"""By the name of the operator; any other is one that is not known here."""
