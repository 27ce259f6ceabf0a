"""An emitted module, traced by torch.fx and normalised to the operators of the graph."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

import networkx as nx
import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from archcompiler.ir import TensorType
from archcompiler.ops import (
    Add,
    BatchNorm,
    ChannelNorm,
    Concat,
    Conv,
    Dropout,
    Gate,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Operator,
    Relu,
    Sigmoid,
    SpatialNorm,
)


class UnknownOperation(Exception):
    """The module does something that is no operator of the graph."""


Use = tuple[fx.Node, str]
"""A producer, and the role in which its result is used."""


def trace(module: nn.Module, input: TensorType) -> nx.MultiDiGraph[str]:
    """The module's dataflow at one image of shape `input`, labelled as the graph's own view is.

    Node names are those of torch.fx; a node that calls a submodule has its name as `module`.
    Raises UnknownOperation for anything that has no operator, and for a module that cannot run.
    """
    device = next(module.parameters()).device
    image = torch.empty(1, input.channels, input.height, input.width, device=device)
    try:
        traced = fx.symbolic_trace(module)
        ShapeProp(traced).propagate(image)
    except (RuntimeError, TypeError, ValueError, fx.proxy.TraceError) as exc:
        reason = (str(exc).splitlines() or [""])[0]
        raise UnknownOperation(f"cannot be traced: {type(exc).__name__}: {reason}") from exc

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    alias: dict[fx.Node, fx.Node] = {}
    for node in traced.graph.nodes:
        if node.op == "output":
            continue
        if node.op == "placeholder":
            graph.add_node(node.name, label=("input", (), _type(node)))
            continue
        if node.op == "get_attr":
            raise UnknownOperation(f"reads `{node.target}` directly")
        if _is_size(node):
            continue
        read = _module(node, traced) if node.op == "call_module" else _function(node)
        if isinstance(read, fx.Node):
            alias[node] = alias.get(read, read)
            continue
        op, uses = read
        name = str(node.target) if node.op == "call_module" else None
        graph.add_node(node.name, label=(op.kind, op.attributes(), _type(node)), module=name)
        for source, role in uses:
            graph.add_edge(alias.get(source, source).name, node.name, role=role)
    return graph


def _type(node: fx.Node) -> TensorType:
    """(C, H, W) of a node's result; a flat vector counts as a map of one pixel."""
    shape = tuple(node.meta["tensor_meta"].shape)
    return TensorType(*(shape[1:] if len(shape) == 4 else (shape[1], 1, 1)))


def _is_size(node: fx.Node) -> bool:
    """`x.shape` and slices of it: no operators, but the targets of interpolations."""
    if node.op == "call_function" and node.target is getattr:
        return node.args[1] == "shape"
    if node.op == "call_function" and node.target is operator.getitem:
        return isinstance(node.args[0], fx.Node) and _is_size(node.args[0])
    return node.op == "call_method" and node.target == "size"


def _sized_after(size: Any) -> fx.Node:
    """The tensor whose height and width an interpolation aims at."""
    slices = []
    while isinstance(size, fx.Node) and size.target is operator.getitem:
        slices.append(size.args[1])
        size = size.args[0]
    known = slices in ([slice(-2, None, None)], [slice(2, None, None)])
    if not (isinstance(size, fx.Node) and _is_size(size) and known):
        raise UnknownOperation("interpolates to a size that is not another map's")
    tensor = size.args[0]
    assert isinstance(tensor, fx.Node)
    return tensor


def _module(node: fx.Node, traced: fx.GraphModule) -> tuple[Operator, list[Use]] | fx.Node:
    module = traced.get_submodule(str(node.target))
    source = node.args[0]
    assert isinstance(source, fx.Node)
    data = [(source, "data")]
    match module:
        case nn.Conv2d():
            return _conv(module), data
        case nn.BatchNorm2d() if module.affine and module.track_running_stats:
            assert module.momentum is not None
            return BatchNorm(module.num_features, module.eps, module.momentum), data
        case nn.Linear():
            return Linear(module.in_features, module.out_features, module.bias is not None), data
        case nn.ReLU():
            return Relu(), data
        case nn.Sigmoid():
            return Sigmoid(), data
        case nn.MaxPool2d(dilation=1, return_indices=False):
            kernel, stride = _square(module.kernel_size), _square(module.stride)
            return MaxPool(kernel, stride, _square(module.padding), module.ceil_mode), data
        case nn.AdaptiveAvgPool2d(output_size=1 | (1, 1)):
            return GlobalAvgPool(), data
        case nn.Dropout(p=0.0) | nn.Flatten(start_dim=1, end_dim=-1) | nn.Identity():
            return source
        case nn.Dropout():
            return Dropout(module.p), data
    raise UnknownOperation(f"`{node.target}` is a {type(module).__name__}: {module}")


def _conv(module: nn.Conv2d) -> Conv:
    if _square(module.dilation) != 1 or module.padding_mode != "zeros":
        raise UnknownOperation(f"a dilated or non-zero-padded convolution: {module}")
    return Conv(
        module.in_channels,
        module.out_channels,
        _square(module.kernel_size),
        _square(module.stride),
        _square(module.padding),
        module.groups,
        module.bias is not None,
    )


def _square(value: Any) -> int:
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) != 1:
        raise UnknownOperation(f"a hyper-parameter that is not square: {value}")
    side: int = sides.pop()
    return side


def _function(node: fx.Node) -> tuple[Operator, list[Use]] | fx.Node:
    """A functional call. Every argument must be one that the operator accounts for."""
    read = _FUNCTIONS.get(node.target)
    if read is None:
        raise UnknownOperation(f"`{node.name}` calls {node.target}")
    try:
        return read(*node.args, **_given(node))
    except TypeError as exc:
        raise UnknownOperation(f"`{node.name}`: {exc}") from None


def _given(node: fx.Node) -> dict[str, Any]:
    """Keyword arguments, without those that torch itself spells out at their defaults."""
    try:
        parameters = inspect.signature(node.target).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return dict(node.kwargs)
    return {
        name: value
        for name, value in node.kwargs.items()
        if name not in parameters or parameters[name].default is not value
    }


def _pointwise(op: Operator) -> Callable[..., tuple[Operator, list[Use]]]:
    def read(x: fx.Node, inplace: bool = False) -> tuple[Operator, list[Use]]:
        return op, [(x, "data")]

    return read


def _add(x: fx.Node, y: fx.Node) -> tuple[Operator, list[Use]]:
    return Add(), [(x, "data"), (y, "data")]


def _addcmul(x: fx.Node, a: fx.Node, b: fx.Node, *, value: float = 1) -> tuple[Operator, list[Use]]:
    """T + T·M is (1 + M)·T in one kernel."""
    if value != 1 or x not in (a, b):
        raise UnknownOperation("addcmul that is not (1 + M)·T")
    return Gate("residual"), [(x, "trunk"), (b if x is a else a, "mask")]


def _mul(trunk: fx.Node, mask: fx.Node) -> tuple[Operator, list[Use]]:
    return Gate("naive"), [(trunk, "trunk"), (mask, "mask")]


def _cat(parts: Any, dim: int = 0) -> tuple[Operator, list[Use]]:
    if dim != 1:
        raise UnknownOperation(f"concatenates along dimension {dim}")
    op = Concat()
    return op, list(zip(parts, op.roles(len(parts)), strict=True))


def _max_pool(
    x: fx.Node,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Operator, list[Use]]:
    if _square(dilation) != 1 or return_indices:
        raise UnknownOperation("a dilated max pool")
    kernel = _square(kernel_size)
    step = kernel if stride is None else _square(stride)
    return MaxPool(kernel, step, _square(padding), ceil_mode), [(x, "data")]


def _interpolate(
    x: fx.Node, size: Any = None, *, mode: Any = "nearest", align_corners: bool | None = None
) -> tuple[Operator, list[Use]]:
    return Interpolate(mode, bool(align_corners)), [(x, "data"), (_sized_after(size), "size")]


def _normalize(
    x: fx.Node, p: float = 2.0, dim: int = 1, eps: float = 1e-12
) -> tuple[Operator, list[Use]]:
    if p != 2.0 or dim != 1:
        raise UnknownOperation("a normalisation that is not L2 over channels")
    return ChannelNorm(eps), [(x, "data")]


def _instance_norm(x: fx.Node, *, eps: float = 1e-5) -> tuple[Operator, list[Use]]:
    return SpatialNorm(eps), [(x, "data")]


def _adaptive_avg_pool(x: fx.Node, output_size: Any) -> tuple[Operator, list[Use]]:
    if output_size not in (1, (1, 1)):
        raise UnknownOperation(f"average pooling to {output_size}")
    return GlobalAvgPool(), [(x, "data")]


def _flatten(x: fx.Node, start_dim: int = 0, end_dim: int = -1) -> fx.Node:
    if (start_dim, end_dim) != (1, -1):
        raise UnknownOperation("a flatten that mixes the images of a batch")
    return x


_FUNCTIONS: dict[Any, Callable[..., tuple[Operator, list[Use]] | fx.Node]] = {
    F.relu: _pointwise(Relu()),
    torch.relu: _pointwise(Relu()),
    "relu": _pointwise(Relu()),
    "relu_": _pointwise(Relu()),
    torch.sigmoid: _pointwise(Sigmoid()),
    F.sigmoid: _pointwise(Sigmoid()),
    "sigmoid": _pointwise(Sigmoid()),
    operator.add: _add,
    operator.iadd: _add,
    torch.add: _add,
    operator.mul: _mul,
    torch.mul: _mul,
    torch.addcmul: _addcmul,
    torch.cat: _cat,
    F.max_pool2d: _max_pool,
    F.interpolate: _interpolate,
    F.normalize: _normalize,
    F.instance_norm: _instance_norm,
    F.adaptive_avg_pool2d: _adaptive_avg_pool,
    torch.flatten: _flatten,
    "flatten": _flatten,
}
