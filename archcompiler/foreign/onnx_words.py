"""Operators of ONNX as calls of PyTorch, one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from archcompiler.backends.reading import UnknownOperation

Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""A function, its arguments, and those with names."""
Options: TypeAlias = Mapping[str, Any]


class Graph(Protocol):
    """What a word asks of the graph around it."""

    constants: dict[str, Tensor]
    traced: fx.Graph

    def node(self, name: str) -> fx.Node: ...
    def numbers(self, name: str) -> list[float]: ...
    def sides(self, name: str) -> tuple[int, ...]: ...
    def initial(self, name: str) -> bool: ...


Word: TypeAlias = Callable[[Graph, Sequence[str], Options, str], Call]
"""The call that an operator is, from its inputs, its attributes and the name of its output."""


def _plain(function: Callable[..., Any]) -> Word:
    def word(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
        return function, tuple(graph.node(name) for name in inputs), {}

    return word


def _conv(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    x, weight, *bias = inputs
    dims = _constant(graph, weight).dim() - 2
    function = (F.conv1d, F.conv2d, F.conv3d)[dims - 1]
    if bias and not graph.initial(bias[0]) and not _constant(graph, bias[0]).any():
        bias = []  # Exporters that do not optimise calculate a bias of zeros.
    given = (graph.node(x), graph.node(weight), graph.node(bias[0]) if bias else None)
    stride, padding, dilation = _window(options, dims)
    return function, (*given, stride, padding, dilation, options.get("group", 1)), {}


def _batch_norm(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    x, scale, shift, mean, variance = map(graph.node, inputs)
    # ONNX keeps numbers as float32: 1e-05 comes back as 9.99999974e-06.
    eps = float(f"{options.get('epsilon', 1e-5):.6g}")
    momentum = float(f"{1 - options.get('momentum', 0.9):.6g}")
    return F.batch_norm, (x, mean, variance, scale, shift, False, momentum, eps), {}


def _max_pool(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    kernel = tuple(options["kernel_shape"])
    function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
    stride, padding, dilation = _window(options, len(kernel))
    ceil = bool(options.get("ceil_mode", 0))
    return function, (graph.node(inputs[0]), kernel, stride, padding, dilation, ceil), {}


def _avg_pool(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    kernel = tuple(options["kernel_shape"])
    function = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
    stride, padding, _ = _window(options, len(kernel))
    ceil, counted = (bool(options.get(name, 0)) for name in ("ceil_mode", "count_include_pad"))
    return function, (graph.node(inputs[0]), kernel, stride, padding, ceil, counted), {}


def _global(word: str) -> Word:
    def made(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
        # Of a file of two-dimensional maps, as all are that have this operator.
        return getattr(F, f"adaptive_{word}_pool2d"), (graph.node(inputs[0]), 1), {}

    return made


def _mean(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    axes = options.get("axes") or graph.numbers(inputs[1])
    keeps = bool(options.get("keepdims", 1))
    return torch.mean, (graph.node(inputs[0]), [int(axis) for axis in axes], keeps), {}


def _flatten(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    if options.get("axis", 1) != 1:
        raise UnknownOperation("a Flatten that mixes the images of a batch")
    return torch.flatten, (graph.node(inputs[0]), 1), {}


def _reshape(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    if inputs[1] in graph.constants and len(graph.numbers(inputs[1])) != 2:
        raise UnknownOperation("a Reshape to something that is no vector")
    return torch.flatten, (graph.node(inputs[0]), 1), {}


def _gemm(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    x, weight, *bias = map(graph.node, inputs)
    factors = (options.get("alpha", 1.0), options.get("beta", 1.0), options.get("transA", 0))
    if factors != (1.0, 1.0, 0):
        raise UnknownOperation("a Gemm that is no linear layer")
    if not options.get("transB", 0):
        weight = graph.traced.call_function(torch.permute, (weight, (1, 0)))
    return F.linear, (x, weight, *bias), {}


def _concat(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    return torch.cat, ([graph.node(name) for name in inputs], options["axis"]), {}


def _resize(graph: Graph, inputs: Sequence[str], options: Options, output: str) -> Call:
    mode = options.get("mode", b"nearest").decode()
    way = options.get("coordinate_transformation_mode", b"half_pixel").decode()
    size = graph.sides(output)
    x = graph.node(inputs[0])
    if mode == "nearest" and way == "asymmetric":
        return F.interpolate, (x,), {"size": size, "mode": "nearest"}
    if mode == "linear" and way in ("align_corners", "half_pixel", "pytorch_half_pixel"):
        linear = ("linear", "bilinear", "trilinear")[len(size) - 1]
        corners = way == "align_corners"
        return F.interpolate, (x,), {"size": size, "mode": linear, "align_corners": corners}
    raise UnknownOperation(f"a Resize by {mode} with {way}")


def _constant(graph: Graph, name: str) -> Tensor:
    if name not in graph.constants:
        raise UnknownOperation(f"`{name}` is calculated, and should be a constant")
    return graph.constants[name]


def _window(options: Options, dims: int) -> tuple[tuple[int, ...], ...]:
    """Stride, padding and dilation, along each axis."""
    pads = tuple(options.get("pads", (0,) * 2 * dims))
    before, after = pads[:dims], pads[dims:]
    automatic = options.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID", b"")
    if automatic or before != after:
        raise UnknownOperation("a window that is padded unevenly")
    ones = (1,) * dims
    return tuple(options.get("strides", ones)), before, tuple(options.get("dilations", ones))


WORDS: Final[Mapping[str, Word]] = {
    "Add": _plain(torch.add),
    "AveragePool": _avg_pool,
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Conv": _conv,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global("avg"),
    "GlobalMaxPool": _global("max"),
    "HardSwish": _plain(F.hardswish),
    "Max": _plain(torch.maximum),
    "MaxPool": _max_pool,
    "Mul": _plain(torch.mul),
    "ReduceMean": _mean,
    "Relu": _plain(F.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Sigmoid": _plain(torch.sigmoid),
    "Softplus": _plain(F.softplus),
    "Tanh": _plain(torch.tanh),
}
"""By the name of the operator; any other is one that is not known here."""
