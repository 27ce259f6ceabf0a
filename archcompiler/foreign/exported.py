"""Networks that `torch.export` has saved, in the words that a trace of Python has."""

from __future__ import annotations

import logging
import operator
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.fx.graph import CodeGen

from archcompiler.backends.reading import damaged
from archcompiler.backends.torch.running import InPlace

Call: TypeAlias = tuple[Any, tuple[Any, ...], dict[str, Any]]
"""A function, its arguments, and those with names."""


def read_exported(path: Path) -> nn.Module:
    """The network of a file, as a module that a trace reads like any other.

    Raises UnknownOperation for a file that cannot be read.
    """
    with damaged("torch.export says"), _quiet():
        # Of a damaged file, and of versions that do not go together.
        module = torch.export.load(path).module(check_guards=False)
    for node in list(module.graph.nodes):
        if node.op == "call_function":
            with damaged(f"`{node.target}`"):
                _reword(node)
    module.graph.set_codegen(CodeGen())  # one that takes and returns tensors as they are
    module.graph.eliminate_dead_code(_is_kept)
    return fx.GraphModule(module, module.graph)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave what torch has to say of a file to whoever reports it."""
    logger = logging.getLogger("torch.export")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled


def _reword(node: fx.Node) -> None:
    """Have a node call what a person would have written, if it is one of `_WORDS`."""
    name = str(node.target).removeprefix("aten.")
    packet = name.partition(".")[0]
    word = _WORDS.get(name) or _WORDS.get(packet) or _WORDS.get(packet.removesuffix("_"))
    call = None if word is None else word(*node.args, **node.kwargs)
    if call is None:
        return
    if call[0] is None:
        node.replace_all_uses_with(call[1][0])
        node.graph.erase_node(node)
        return
    node.target, node.args, node.kwargs = call
    if packet.endswith("_") and not isinstance(node.target, str):
        node.target = InPlace(node.target)  # which views of its input see
    node.op = "call_method" if isinstance(node.target, str) else "call_function"
    if packet in _WITH_INDICES:
        for user in list(node.users):
            if user.args[1] == 0:
                user.replace_all_uses_with(node)
                user.graph.erase_node(user)


def _same(function: Callable[..., Any], keeps: int | None = None) -> Callable[..., Call]:
    """The same arguments, or the first few of them where torch's function has no others."""
    return lambda *args, **named: (function, args[:keeps], named)


def _is_kept(node: fx.Node) -> bool:
    """Whether a node counts even where nothing reads it."""
    return isinstance(node.target, InPlace) or node.is_impure()


def _plain(function: Callable[..., Any], *usual: float) -> Callable[..., Call | None]:
    """An activation whose numbers are the `usual` ones."""

    def word(x: Any, *given: float) -> Call | None:
        return (function, (x,), {}) if given == usual[: len(given)] else None

    return word


def _batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, variance: Any, training: Any, *rest: Any
) -> Call:
    momentum, eps = rest[:2]
    return F.batch_norm, (x, mean, variance, weight, bias, training, momentum, eps), {}


def _pooled(function: Callable[..., Any]) -> Callable[..., Call]:
    def word(x: Any, kernel: Any, stride: Any = (), *rest: Any) -> Call:
        return function, (x, kernel, stride or kernel, *rest), {}

    return word


def _resized(mode: str) -> Callable[..., Call]:
    def word(x: Any, size: Any, *rest: Any) -> Call:
        *corners, factors = rest if len(rest) else (None,)
        named = {"align_corners": corners[0]} if corners else {}
        if size is None:
            return F.interpolate, (x,), {"scale_factor": tuple(factors), "mode": mode, **named}
        return F.interpolate, (x,), {"size": tuple(size), "mode": mode, **named}

    return word


def _dropout(x: Any, p: float, training: bool) -> Call | None:
    return None if training else (None, (x,), {})


def _reshaped(x: fx.Node, shape: Any) -> Call | None:
    """A flatten, where all but the batch becomes one axis, or another view of each image."""
    if x.op == "get_attr":
        return torch.reshape, (x, tuple(shape)), {}
    before = x.meta["val"].shape
    whole = prod(before[1:])
    first, *sides = shape
    if str(_value(first)) == str(before[0]):  # which may be a symbol
        if sides == [-1] or sides == [whole]:
            return torch.flatten, (x, 1), {}
        if not all(isinstance(side, int) for side in (whole, *sides)):
            return None
        sides = [whole // -prod(sides) if side == -1 else side for side in sides]
        return torch.reshape, (x, (-1, *sides)), {}
    if first != -1:
        return None
    return (torch.flatten, (x, 1), {}) if sides == [whole] else (torch.reshape, (x, (*shape,)), {})


def _value(size: Any) -> Any:
    """The number that a size is, or stands for."""
    return size.meta["val"] if isinstance(size, fx.Node) else size


def _viewed(x: fx.Node, like: fx.Node) -> Call | None:
    return _reshaped(x, like.meta["val"].shape)


def _listed(x: fx.Node, dims: Any, *rest: Any, **named: Any) -> Call:
    """A sum along one axis, which a file has in a list."""
    return torch.sum, (x, dims[0] if dims and len(dims) == 1 else dims, *rest), named


def _sliced(
    x: fx.Node, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Call | None:
    """A slice along one axis; of all of it, nothing."""
    size = x.meta["val"].shape[dim]
    if not all(isinstance(bound, int | None) for bound in (start, end)):
        return None
    last = end is None or end == sys.maxsize or (isinstance(size, int) and end >= size)
    if step == 1 and not start and last:
        return None, (x,), {}
    before = (slice(None),) * (dim % x.meta["val"].dim())
    return operator.getitem, (x, (*before, slice(start, end, step))), {}


def _selected(x: fx.Node, dim: int, index: int) -> Call:
    """One of an axis, without the axis."""
    before = (slice(None),) * (dim % x.meta["val"].dim())
    return operator.getitem, (x, (*before, index)), {}


def _moved(x: fx.Node, **named: Any) -> Call | None:
    """Another order in memory, as emitted models have it, is the same map."""
    kept = named.get("dtype") in (None, x.meta["val"].dtype)
    return (None, (x,), {}) if kept else None


def _instance_norm(x: Any, weight: Any, bias: Any, *rest: Any) -> Call | None:
    mean, variance, of_input, _, eps, *_ = rest
    plain = all(tensor is None for tensor in (weight, bias, mean, variance)) and of_input
    return (F.instance_norm, (x,), {"eps": eps}) if plain else None


_WITH_INDICES: Final = frozenset(f"adaptive_max_pool{n}d" for n in (1, 2, 3))
"""What gives the places of its maxima beside them, which a function of torch leaves out."""

_WORDS: Final[Mapping[str, Callable[..., Call | None]]] = {
    "batch_norm": _batch_norm,
    "layer_norm": _same(F.layer_norm, 5),
    "group_norm": _same(F.group_norm, 5),
    "instance_norm": _instance_norm,
    "linear": _same(F.linear),
    "prelu": _same(F.prelu),
    "clamp": _same(torch.clamp),
    "clip": _same(torch.clamp),
    "clamp_min": _same(torch.clamp_min),
    "expand_as": lambda x, other: ("expand_as", (x, other), {}),
    "expand": lambda x, sizes, **named: ("expand", (x, *sizes), {}),
    "movedim.int": _same(torch.movedim),
    "channel_shuffle": _same(F.channel_shuffle),
    "relu": _same(F.relu),
    "relu6": _same(F.relu6),
    "silu": _same(F.silu),
    "elu": _plain(F.elu, 1, 1, 1),
    "gelu": _same(F.gelu),
    "mish": _same(F.mish),
    "hardswish": _same(F.hardswish),
    "hardsigmoid": _same(F.hardsigmoid),
    "softplus": _plain(F.softplus, 1, 20),
    "leaky_relu": _same(F.leaky_relu),
    "sigmoid": _same(torch.sigmoid),
    "tanh": _same(torch.tanh),
    "add.Tensor": _same(torch.add),
    "add_.Tensor": _same(torch.add),
    "mul.Tensor": _same(torch.mul),
    "mul_.Tensor": _same(torch.mul),
    "addcmul": _same(torch.addcmul),
    "maximum": _same(torch.maximum),
    "sub.Tensor": _same(torch.sub),
    "div.Tensor": _same(torch.div),
    "div_.Tensor": _same(torch.div),
    "sqrt": _same(torch.sqrt),
    "square": _same(torch.square),
    "pow.Tensor_Scalar": _same(torch.pow),
    "rsub.Scalar": lambda x, number, *rest: None if rest else (operator.sub, (number, x), {}),
    "neg": _same(torch.neg),
    "clone": _same(torch.clone),
    "contiguous": _moved,
    "alias": _moved,
    "max.other": _same(torch.maximum),
    "unflatten.int": _same(torch.unflatten),
    "tensor_split": _same(torch.tensor_split),
    "view_as": _viewed,
    "swapaxes": _same(torch.swapaxes),
    "chunk": _same(torch.chunk),
    "split.Tensor": _same(torch.split),
    "split_with_sizes": _same(torch.split_with_sizes),
    "slice.Tensor": _sliced,
    "max.dim": _same(torch.max),
    "stack": _same(torch.stack),
    "select.int": _selected,
    "matmul": _same(torch.matmul),
    "bmm": _same(torch.bmm),
    "sum.dim_IntList": _listed,
    "unsqueeze": _same(torch.unsqueeze),
    "squeeze.dim": _same(torch.squeeze),
    "cat": lambda parts, dim=0: (torch.cat, (parts, dim), {}),
    "mean.dim": _same(torch.mean),
    "amax": _same(torch.amax),
    "var.correction": _same(torch.var),
    "var.dim": _same(torch.var),
    "std.correction": _same(torch.std),
    "std.dim": _same(torch.std),
    "linalg_vector_norm": _same(torch.linalg.vector_norm),
    "pixel_shuffle": _same(F.pixel_shuffle),
    "pixel_unshuffle": _same(F.pixel_unshuffle),
    "softmax.int": lambda x, dim, to=None: None if to else (torch.softmax, (x, dim), {}),
    "permute": _same(torch.permute),
    "transpose.int": _same(torch.transpose),
    "t": _same(torch.t),
    "flatten.using_ints": _same(torch.flatten),
    "view": _reshaped,
    "reshape": _reshaped,
    "dropout": _dropout,
    "to.dtype_layout": _moved,
    **{f"conv{n}d.default": _same(getattr(F, f"conv{n}d")) for n in (1, 2, 3)},
    "conv_transpose1d": _same(F.conv_transpose1d),
    "conv_transpose2d.input": _same(F.conv_transpose2d),
    "conv_transpose3d.input": _same(F.conv_transpose3d),
    **{f"max_pool{n}d": _pooled(getattr(F, f"max_pool{n}d")) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": _pooled(getattr(F, f"avg_pool{n}d")) for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": _same(getattr(F, f"adaptive_avg_pool{n}d")) for n in (1, 2, 3)},
    **{name: _same(getattr(F, name)) for name in _WITH_INDICES},
    "upsample_linear1d.vec": _resized("linear"),
    "upsample_bilinear2d.vec": _resized("bilinear"),
    "upsample_trilinear3d.vec": _resized("trilinear"),
    **{f"upsample_nearest{n}d.vec": _resized("nearest") for n in (1, 2, 3)},
}
"""By the name in `torch.ops.aten`; what is not here keeps it, and is no operator that is known."""
