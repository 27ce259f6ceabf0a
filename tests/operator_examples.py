"""One or more examples of every operator, and a module that applies it as emitted files do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from archcompiler.backends.torch import Value, expression, helper_of, torch_op
from archcompiler.emit.load import load_module
from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator
from archcompiler.ops.registry import operator

SIZE = (7, 6, 5)
POSITIVE = {"sqrt"}
"""Operators of which elements below 0 have no result."""
PIXEL = (1, 1, 1)


@dataclass(frozen=True)
class Example:
    """An operator with arguments, and inputs of so many channels and such sizes."""

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    channels: tuple[int, ...] = (4,)
    sizes: tuple[tuple[int, ...], ...] = (SIZE,)
    dims: tuple[int, ...] = (1, 2, 3)

    def __str__(self) -> str:
        words = (f"{key}={value}" for key, value in self.arguments.items())
        return "-".join([self.kind, *words]).replace(" ", "")


@dataclass(frozen=True)
class Applied:
    """An example in so many dimensions."""

    example: Example
    dims: int

    def __str__(self) -> str:
        return f"{self.example}-{self.dims}d"

    @property
    def op(self) -> Operator:
        arguments = {
            name: value[: self.dims] if isinstance(value, list) else value
            for name, value in self.example.arguments.items()
        }
        return operator(self.example.kind).make(self.example.channels, self.dims, **arguments)

    @property
    def inputs(self) -> tuple[TensorType, ...]:
        pairs = zip(self.example.channels, self.example.sizes, strict=True)
        return tuple(TensorType(channels, *size[: self.dims]) for channels, size in pairs)


def module(op: Operator, inputs: Sequence[TensorType]) -> nn.Module:
    """A module whose forward is the operator alone, from the text that is printed of it."""
    return load_module("operator", source(op, inputs)).Module()  # type: ignore[no-any-return]


def source(op: Operator, inputs: Sequence[TensorType]) -> str:
    record, dims = torch_op(op), inputs[0].dims
    names = [f"x{i}" for i in range(1, len(inputs) + 1)]
    made = record.module(op, dims) if record.module is not None else "None"
    result = expression(op, [Value(name) for name in names], dims, module="self.op")
    helper = helper_of(op, dims)
    return "\n\n".join(
        [
            "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn",
            *(helper.imports if helper is not None else ()),
            helper.source if helper is not None else "",
            "class Module(nn.Module):\n"
            "    def __init__(self) -> None:\n"
            "        super().__init__()\n"
            f"        self.op = {made}\n\n"
            f"    def forward(self, {', '.join(names)}):\n"
            f"        return {result.text}\n",
        ]
    )


TWICE = (14, 12, 10)
ODD = (13, 12, 9)
EXAMPLES = (
    Example("add", channels=(4, 4), sizes=(SIZE, SIZE)),
    Example("add", channels=(4, 1), sizes=(PIXEL, SIZE)),
    Example("batch_norm"),
    Example("batch_norm", {"eps": 1e-3, "momentum": 0.01}),
    Example("channel_norm"),
    Example("concat", channels=(4, 2, 3), sizes=(SIZE, SIZE, SIZE)),
    Example("conv", {"channels": 6, "kernel": 3}),
    Example("conv", {"channels": 6, "kernel": 1, "stride": 2, "bias": True}),
    Example("conv", {"channels": 4, "kernel": 3, "groups": 4, "dilation": 2}),
    Example("conv", {"channels": 6, "kernel": [1, 7, 2], "stride": [2, 1, 1], "groups": 2}),
    Example("conv", {"channels": 2, "kernel": 4, "padding": 0}),
    Example("conv_transpose", {"channels": 6, "kernel": 3}),
    Example("conv_transpose", {"channels": 3, "kernel": 2, "stride": 2, "bias": True}),
    Example("conv_transpose", {"channels": 6, "kernel": 4, "stride": 2, "groups": 2}),
    Example("conv_transpose", {"channels": 4, "kernel": 3, "groups": 4, "dilation": 2}),
    Example("conv_transpose", {"channels": 2, "kernel": 3, "stride": 2, "output_padding": 1}),
    Example(
        "conv_transpose", {"channels": 2, "kernel": [3, 2, 5], "stride": [2, 1, 3], "padding": 1}
    ),
    Example("conv_transpose", {"channels": 6, "kernel": 3, "stride": 2}, (4, 2), (SIZE, TWICE)),
    Example("conv_transpose", {"channels": 6, "kernel": 3, "stride": 2}, (4, 2), (SIZE, ODD)),
    Example("dropout", {"probability": 0.25}),
    Example("dropout", {"probability": 0.0}),
    Example("gate", channels=(4, 4), sizes=(SIZE, SIZE)),
    Example("gate", channels=(4, 1), sizes=(SIZE, SIZE)),
    Example("gate", {"learning": "naive"}, channels=(4, 4), sizes=(SIZE, PIXEL)),
    Example("global_avg_pool"),
    Example("interpolate", channels=(4, 2), sizes=(SIZE, TWICE)),
    Example("interpolate", {"align_corners": False}, channels=(4, 2), sizes=(SIZE, TWICE)),
    Example("interpolate", {"mode": "nearest"}, channels=(4, 2), sizes=(SIZE, TWICE)),
    Example("linear", {"features": 5}, sizes=(PIXEL,)),
    Example("linear", {"features": 5, "bias": False}, sizes=(PIXEL,)),
    Example("max_pool", {"kernel": 3, "stride": 2, "ceil": True}),
    Example("max_pool", {"kernel": 2}),
    # A last window would start beyond the edge of 6 pixels.
    Example("max_pool", {"kernel": 2, "stride": 3, "ceil": True}),
    Example("max_pool", {"kernel": [3, 5, 3], "stride": [1, 2, 2], "padding": [1, 2, 0]}),
    Example("max_pool", {"kernel": 3, "stride": 1, "padding": 1, "dilation": 2}),
    Example("mul", channels=(4, 4), sizes=(SIZE, SIZE)),
    Example("mul", channels=(4, 1), sizes=(SIZE, SIZE)),
    Example("adaptive_avg_pool", {"size": [4, 3, 2]}),
    Example("adaptive_avg_pool", {"size": 1}),
    Example("adaptive_max_pool", {"size": 4}),
    Example("adaptive_max_pool", {"size": 1}),
    Example("avg_pool", {"kernel": 2}),
    Example("avg_pool", {"kernel": 3, "stride": 2, "padding": 1, "ceil": True}),
    Example("avg_pool", {"kernel": [3, 2, 2], "stride": 2, "count_include_pad": False}),
    Example("blur_pool"),
    Example("blur_pool", {"kernel": 5, "stride": 3}),
    Example("global_max_pool"),
    Example("group_norm", {"groups": 2}),
    Example("group_norm", {"eps": 1e-6}, channels=(64,)),
    Example("layer_norm"),
    Example("layer_norm", {"eps": 1e-5}),
    Example("reduce", {"how": "mean", "axis": "channels"}),
    Example("reduce", {"how": "max", "axis": "channels"}),
    Example("reduce", {"how": "sum", "axis": "positions"}),
    Example("reduce", {"how": "mean", "axis": "positions"}),
    Example("reduce", {"how": "max", "axis": "positions"}),
    Example("reduce", {"how": "mean", "axis": "width"}),
    Example("reduce", {"how": "var", "axis": "positions"}),
    Example("reduce", {"how": "var", "axis": "channels"}),
    Example("reduce", {"how": "norm", "axis": "positions"}),
    Example("reduce", {"how": "norm", "axis": "channels"}),
    Example("reduce", {"how": "norm", "axis": "height"}, dims=(2, 3)),
    Example("reduce", {"how": "max", "axis": "height"}, dims=(2, 3)),
    Example("reduce", {"how": "sum", "axis": "depth"}, dims=(3,)),
    Example("softmax"),
    Example("softmax", {"axis": "positions"}),
    Example("softmax", {"axis": "parts"}),
    Example("softmax", {"axis": "parts", "of": 3}, channels=(6,)),
    Example("upsample"),
    Example("upsample", {"scale": 3, "align_corners": False}),
    Example("upsample", {"scale": [2, 1, 3], "mode": "nearest"}),
    Example("attend", channels=(42, 3), sizes=((3, 2, 4), (7, 6, 1)), dims=(2, 3)),
    Example("attend", channels=(7, 3), sizes=((4,), (7,)), dims=(1,)),
    Example("bilinear_pool", channels=(4, 3), sizes=(SIZE, SIZE)),
    Example("channel_conv", sizes=(PIXEL,)),
    Example("channel_conv", channels=(256,), sizes=(PIXEL,)),
    Example("channel_conv", {"kernel": 7}, channels=(16,), sizes=(PIXEL,)),
    Example("concat", {"axis": "height"}, (3, 3), ((5, 2, 2), (3, 2, 2)), dims=(2,)),
    Example("concat", {"axis": "width"}, (3, 3), ((5,), (3,)), dims=(1,)),
    Example("dot", channels=(4, 4), sizes=(SIZE, (3, 2, 4))),
    Example("dot", {"scale": True}, channels=(4, 4), sizes=(SIZE, SIZE)),
    Example("drop_path", {"probability": 0.25}),
    Example("drop_path", {"probability": 0.0}),
    Example("flatten", {"size": [7, 6, 5]}),
    Example("flatten", {"size": 1}, sizes=(PIXEL,)),
    Example("sub", channels=(4, 4), sizes=(SIZE, SIZE)),
    Example("sub", channels=(4, 1), sizes=(SIZE, SIZE)),
    Example("sub", channels=(4, 4), sizes=(PIXEL, SIZE)),
    Example("div", channels=(4, 4), sizes=(SIZE, SIZE)),
    Example("div", channels=(4, 1), sizes=(SIZE, SIZE)),
    Example("div", channels=(4, 4), sizes=(PIXEL, SIZE)),
    Example("gain"),
    Example("gain", {"init": 0.5}),
    Example("shift", {"amount": 1e-6}),
    Example("shift", {"amount": -0.5}),
    Example("shift", {"amount": 1}),
    Example("shift", {"amount": 0}),
    Example("sqrt"),
    Example("affine"),
    Example("affine", {"init": 0}),
    Example("layer_scale"),
    Example("layer_scale", {"init": 1.0}),
    Example("layer_scale", {"init": 1}),
    Example("maximum", channels=(4, 4), sizes=(SIZE, SIZE)),
    Example("maximum", channels=(4, 1), sizes=(SIZE, SIZE)),
    Example("part", {"index": 1}),
    Example("part", {"index": 0, "of": 4}),
    Example("part", {"index": 1, "of": 4, "count": 3}),
    Example("pixel_shuffle", {"factor": 2}, channels=(16,)),
    Example("pixel_shuffle", {"factor": 3}, channels=(27,)),
    Example("pixel_unshuffle", {"factor": 2}, sizes=(TWICE,)),
    Example("pixel_unshuffle", {"factor": 3}, channels=(2,), sizes=((9, 6, 3),)),
    Example("scale", {"factor": 0.17}),
    Example("shuffle", {"groups": 2}, channels=(6,)),
    Example("take", {"axis": "height"}, (3, 2), ((7, 1), (4, 1)), dims=(2,)),
    Example("take", {"axis": "width", "end": "last"}, (3, 2), ((7,), (4,)), dims=(1,)),
    Example("take", {"axis": "width", "end": "last"}, (3, 2), (SIZE, (7, 6, 2)), dims=(3,)),
    Example("transpose", dims=(2,)),
    Example("elu"),
    Example("gelu"),
    Example("gelu", {"approximate": "tanh"}),
    Example("hardsigmoid"),
    Example("hardswish"),
    Example("identity"),
    Example("leaky_relu"),
    Example("leaky_relu", {"slope": 0.2}),
    Example("mish"),
    Example("prelu"),
    Example("relu"),
    Example("relu6"),
    Example("sigmoid"),
    Example("silu"),
    Example("softplus"),
    Example("spatial_norm"),
    Example("tanh"),
)
APPLIED = tuple(Applied(example, dims) for example in EXAMPLES for dims in example.dims)
