"""Blocks of papers, written as steps, beside their formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from restated import mechanisms
from torch import nn

import archcompiler

C = 16
Steps = dict[str, dict[str, Any]]


class Mechanism(NamedTuple):
    """A block as the paper has it, and as steps."""

    make: Callable[[int], nn.Module]
    steps: Steps
    read: bool = True
    """Whether `audit` reads the paper's words as operators."""


def joined(op: str, *read: str) -> dict[str, Any]:
    return {"op": op, "from": list(read)}


def over_two(first: str, second: str) -> Steps:
    """Two maps, weighed by a softmax of the scores before for each channel."""
    return {
        "weights": {"op": "softmax", "axis": "parts", "of": 2},
        "weight_a": {"op": "part", "index": 0},
        "weight_b": {"op": "part", "from": "weights", "index": 1},
        "weighed_a": joined("mul", first, "weight_a"),
        "weighed_b": joined("mul", second, "weight_b"),
        "sum": joined("add", "weighed_a", "weighed_b"),
    }


GRN: Steps = {
    "strength": {"op": "reduce", "how": "norm", "axis": "positions"},
    "mean": {"op": "reduce", "how": "mean", "axis": "channels"},
    "eps": {"op": "shift", "amount": 1e-6},
    "share": joined("div", "strength", "eps"),
    "response": joined("mul", "gelu", "share"),
    "affine": {"op": "affine", "init": 0},
    "kept": joined("add", "affine", "gelu"),
}
MECHANISMS = {
    "convnext_v2": Mechanism(
        mechanisms.ConvNeXtV2,
        {
            "depthwise": {"op": "conv", "channels": "c", "kernel": 7, "groups": "c", "bias": True},
            "norm": {"op": "layer_norm"},
            "wide": {"op": "conv", "channels": "4 * c", "kernel": 1, "bias": True},
            "gelu": {"op": "gelu"},
            **GRN,
            "narrow": {"op": "conv", "channels": "c", "kernel": 1, "bias": True},
            "add": joined("add", "x", "narrow"),
        },
    ),
    "simam": Mechanism(
        mechanisms.SimAm,
        {
            "mean": {"op": "reduce", "how": "mean", "axis": "positions"},
            "less": {"op": "scale", "factor": -1},
            "centred": joined("add", "x", "less"),
            "distance": joined("mul", "centred", "centred"),
            "variance": {"op": "reduce", "from": "x", "how": "var", "axis": "positions"},
            "offset": {"op": "shift", "amount": 1e-4},
            "times": {"op": "scale", "factor": 4},
            "energy": joined("div", "distance", "times"),
            "more": {"op": "shift", "amount": 0.5},
            "sigmoid": {"op": "sigmoid"},
            "weigh": joined("mul", "x", "sigmoid"),
        },
    ),
    "style_pooling": Mechanism(
        mechanisms.StylePooling,
        {
            "mean": {"op": "reduce", "how": "mean", "axis": "positions"},
            "variance": {"op": "reduce", "from": "x", "how": "var", "axis": "positions"},
            "eps": {"op": "shift", "amount": 1e-5},
            "deviation": {"op": "sqrt"},
            "style": joined("concat", "mean", "deviation") | {"axis": "width"},
            "conv": {"op": "conv", "channels": "c", "kernel": [1, 2], "groups": "c", "padding": 0},
            "norm": {"op": "batch_norm"},
            "sigmoid": {"op": "sigmoid"},
            "weigh": joined("mul", "x", "sigmoid"),
        },
        read=False,
    ),
    "rezero": Mechanism(
        mechanisms.ReZero,
        {
            "conv1": {"op": "conv", "channels": "c", "kernel": 3},
            "relu": {"op": "relu"},
            "conv2": {"op": "conv", "channels": "c", "kernel": 3},
            "gain": {"op": "gain"},
            "add": joined("add", "x", "gain"),
        },
    ),
    "selective_kernel": Mechanism(
        mechanisms.SelectiveKernel,
        {
            "near": {"op": "conv", "channels": "c", "kernel": 3, "groups": 4},
            "near_norm": {"op": "batch_norm"},
            "near_relu": {"op": "relu"},
            "far": {
                "op": "conv",
                "from": "x",
                "channels": "c",
                "kernel": 3,
                "groups": 4,
                "dilation": 2,
            },
            "far_norm": {"op": "batch_norm"},
            "far_relu": {"op": "relu"},
            "fused": joined("add", "near_relu", "far_relu"),
            "pool": {"op": "global_avg_pool"},
            "compact": {"op": "conv", "channels": "max(floor(c / 2), 4)", "kernel": 1},
            "compact_norm": {"op": "batch_norm"},
            "compact_relu": {"op": "relu"},
            "scores": {"op": "conv", "channels": "2 * c", "kernel": 1, "bias": True},
            **over_two("near_relu", "far_relu"),
        },
    ),
    "split_attention": Mechanism(
        mechanisms.SplitAttention,
        {
            "conv": {"op": "conv", "channels": "2 * c", "kernel": 3, "groups": 2},
            "norm": {"op": "batch_norm"},
            "relu": {"op": "relu"},
            "first": {"op": "part", "index": 0},
            "second": {"op": "part", "from": "relu", "index": 1},
            "fused": joined("add", "first", "second"),
            "pool": {"op": "global_avg_pool"},
            "fc1": {"op": "conv", "channels": "c / 2", "kernel": 1, "bias": True},
            "norm1": {"op": "batch_norm"},
            "relu1": {"op": "relu"},
            "fc2": {"op": "conv", "channels": "2 * c", "kernel": 1, "bias": True},
            **over_two("first", "second"),
        },
    ),
    "partial_convolution": Mechanism(
        mechanisms.PartialConvolution,
        {
            "first": {"op": "part", "index": 0, "of": 4},
            "conv": {"op": "conv", "channels": "c / 4", "kernel": 3},
            "rest": {"op": "part", "from": "x", "index": 1, "of": 4, "count": 3},
            "all": joined("concat", "conv", "rest"),
            "wide": {"op": "conv", "channels": "2 * c", "kernel": 1},
            "norm": {"op": "batch_norm"},
            "relu": {"op": "relu"},
            "narrow": {"op": "conv", "channels": "c", "kernel": 1},
            "add": joined("add", "x", "narrow"),
        },
    ),
    "large_kernel": Mechanism(
        mechanisms.LargeKernel,
        {
            "near": {"op": "conv", "channels": "c", "kernel": 5, "groups": "c", "bias": True},
            "far": {
                "op": "conv",
                "channels": "c",
                "kernel": 7,
                "groups": "c",
                "dilation": 3,
                "bias": True,
            },
            "point": {"op": "conv", "channels": "c", "kernel": 1, "bias": True},
            "weigh": joined("mul", "point", "x"),
        },
    ),
    "recursive_gates": Mechanism(
        mechanisms.RecursiveGates,
        {
            "wide": {"op": "conv", "channels": "2 * c", "kernel": 1, "bias": True},
            "first": {"op": "part", "index": 0, "of": 8},
            "rest": {"op": "part", "from": "wide", "index": 1, "of": 8, "count": 7},
            "depthwise": {
                "op": "conv",
                "channels": "7 * c / 4",
                "kernel": 7,
                "groups": "7 * c / 4",
                "bias": True,
            },
            "third": {"op": "scale", "factor": "1 / 3"},
            "gate0": {"op": "part", "index": 0, "of": 7},
            "gate1": {"op": "part", "from": "third", "index": 1, "of": 7, "count": 2},
            "gate2": {"op": "part", "from": "third", "index": 3, "of": 7, "count": 4},
            "order1": joined("mul", "first", "gate0"),
            "point1": {"op": "conv", "channels": "c / 2", "kernel": 1, "bias": True},
            "order2": joined("mul", "point1", "gate1"),
            "point2": {"op": "conv", "channels": "c", "kernel": 1, "bias": True},
            "order3": joined("mul", "point2", "gate2"),
            "out": {"op": "conv", "channels": "c", "kernel": 1, "bias": True},
        },
    ),
    "double_attention": Mechanism(
        mechanisms.DoubleAttention,
        {
            "features": {"op": "conv", "channels": "c / 2", "kernel": 1, "bias": True},
            "maps": {"op": "conv", "from": "x", "channels": "c / 4", "kernel": 1, "bias": True},
            "shares": {"op": "softmax", "axis": "positions"},
            "needs": {"op": "conv", "from": "x", "channels": "c / 4", "kernel": 1, "bias": True},
            "wishes": {"op": "softmax", "axis": "channels"},
            "gathered": joined("bilinear_pool", "features", "shares"),
            "distributed": joined("attend", "wishes", "gathered"),
            "out": {"op": "conv", "channels": "c", "kernel": 1, "bias": True},
            "add": joined("add", "x", "out"),
        },
    ),
    "linear_attention": Mechanism(
        mechanisms.LinearAttention,
        {
            "qkv": {"op": "conv", "channels": "3 * c", "kernel": 1},
            "query": {"op": "part", "index": 0, "of": 3},
            "q": {"op": "relu"},
            "key": {"op": "part", "from": "qkv", "index": 1, "of": 3},
            "k": {"op": "relu"},
            "v": {"op": "part", "from": "qkv", "index": 2, "of": 3},
            "kv": joined("bilinear_pool", "v", "k"),
            "sums": joined("attend", "q", "kv"),
            "all": {"op": "reduce", "from": "k", "how": "sum", "axis": "positions"},
            "products": joined("mul", "q", "all"),
            "total": {"op": "reduce", "how": "sum", "axis": "channels"},
            "eps": {"op": "shift", "amount": 1e-5},
            "means": joined("div", "sums", "eps"),
        },
        read=False,
    ),
    "cross_covariance": Mechanism(
        mechanisms.CrossCovariance,
        {
            "q": {"op": "conv", "channels": "c", "kernel": 1},
            "k": {"op": "conv", "from": "x", "channels": "c", "kernel": 1},
            "v": {"op": "conv", "from": "x", "channels": "c", "kernel": 1},
            "q_norm": {"op": "reduce", "from": "q", "how": "norm", "axis": "positions"},
            "q_unit": joined("div", "q", "q_norm"),
            "k_norm": {"op": "reduce", "from": "k", "how": "norm", "axis": "positions"},
            "k_unit": joined("div", "k", "k_norm"),
            "covariance": joined("bilinear_pool", "q_unit", "k_unit"),
            "temperature": {"op": "gain", "init": 1},
            "weights": {"op": "softmax", "axis": "positions"},
            "out": joined("attend", "v", "weights"),
        },
        read=False,
    ),
    "up_convolution": Mechanism(
        mechanisms.UpConvolution,
        {
            "pool": {"op": "max_pool", "kernel": 2},
            "down": {"op": "conv", "channels": "2 * c", "kernel": 3, "bias": True},
            "relu": {"op": "relu"},
            "up": {
                **joined("conv_transpose", "relu", "x"),
                "channels": "c",
                "kernel": 2,
                "stride": 2,
                "bias": True,
            },
            "both": joined("concat", "x", "up"),
            "join": {"op": "conv", "channels": "c", "kernel": 3, "bias": True},
            "sigmoid": {"op": "sigmoid"},
        },
    ),
    "sub_pixel": Mechanism(
        mechanisms.SubPixel,
        {
            "conv": {"op": "conv", "channels": "4 * c", "kernel": 3},
            "tanh": {"op": "tanh"},
            "shuffle": {"op": "pixel_shuffle", "factor": 2},
            "last": {"op": "conv", "channels": "c", "kernel": 2, "stride": 2, "padding": 0},
        },
    ),
}


def spec_of(steps: Steps, sides: Sequence[int]) -> dict[str, Any]:
    return {
        "name": "whole",
        "input": [3, *sides],
        "classes": 10,
        "stem": {"type": "conv", "channels": C, "norm": False},
        "stages": [{"channels": C}],
        "unit": "own",
        "head": "none",
        "blocks": {"own": {"steps": steps}},
    }


def network_of(steps: Steps, sides: Sequence[int] = (14, 18)) -> archcompiler.CompiledNetwork:
    return archcompiler.compile(spec_of(steps, sides))
