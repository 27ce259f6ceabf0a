"""The peak of networks whose highest moment is that of one operator, against what torch sees."""

from __future__ import annotations

from typing import Any

import pytest
from unit.analysis.test_peak import Measured, predicted

import archcompiler

IMAGES = 8
C = 16
SIDE = 12
LEFT = {"op": "conv", "channels": C, "kernel": 1}
RIGHT = {"op": "conv", "channels": C, "kernel": 1, "from": "x"}
CHANNEL = {"op": "conv", "channels": 1, "kernel": 1}
PIXEL = {"op": "global_avg_pool"}
Steps = dict[str, dict[str, Any]]
ALONE: Steps = {
    "affine": {},
    "layer_scale": {},
    "blur_pool": {"kernel": 5},
    "reduce-max-channels": {"how": "max", "axis": "channels"},
    "reduce-max-positions": {"how": "max", "axis": "positions"},
    "reduce-sum-channels": {"how": "sum", "axis": "channels"},
    "reduce-sum-height": {"how": "sum", "axis": "height"},
    "reduce-var-positions": {"how": "var", "axis": "positions"},
    "reduce-var-channels": {"how": "var", "axis": "channels"},
    "reduce-norm-positions": {"how": "norm", "axis": "positions"},
    "reduce-norm-channels": {"how": "norm", "axis": "channels"},
    "gain": {},
    "conv_transpose": {"channels": C, "kernel": 3, "stride": 2},
    "conv_transpose-bias": {"channels": C, "kernel": 2, "stride": 2, "bias": True},
    "pixel_shuffle": {"factor": 2},
    "pixel_unshuffle": {"factor": 2},
    "softmax-parts": {"axis": "parts", "of": 4},
    "part": {"index": 1, "of": 4},
}
"""Operators of one map."""


def joined(kind: str, *read: str, **steps: dict[str, Any]) -> Steps:
    return {**steps, "join": {"op": kind, "from": list(read)}}


JOINS: dict[str, Steps] = {
    "maximum": joined("maximum", "a", "b", a=LEFT, b=RIGHT),
    "maximum-pixel": joined("maximum", "a", "b", a=LEFT, b=PIXEL),
    "maximum-channel": joined("maximum", "b", "a", a=LEFT, b=CHANNEL),
    "maximum-both": joined("maximum", "a", "b", a=CHANNEL, b={**PIXEL, "from": "x"}),
    "maximum-three": joined("maximum", "a", "b", "x", a=LEFT, b=RIGHT),
    "maximum-three-small": joined("maximum", "a", "b", "c", a=LEFT, b=CHANNEL, c=RIGHT),
    "maximum-four": joined("maximum", "a", "b", "c", "x", a=LEFT, b=RIGHT, c=RIGHT),
    "mul-self": joined("mul", "a", "a", a=LEFT),
    "sub": joined("sub", "a", "b", a=LEFT, b=RIGHT),
    "sub-waiting": joined(
        "sub",
        "a",
        "b",
        a={"op": "scale", "factor": 2},
        wide={"op": "conv", "channels": 4 * C, "kernel": 1, "from": "x"},
        b=LEFT,
    ),
    "sub-pixel": joined("sub", "a", "b", a=LEFT, b=PIXEL),
    "sub-from-channel": joined("sub", "a", "b", a=CHANNEL, b=RIGHT),
    "div": joined("div", "a", "b", a=LEFT, b=RIGHT),
    "div-pixel": joined("div", "a", "b", a=LEFT, b=PIXEL),
    "div-channel": joined("div", "a", "b", a=LEFT, b={**CHANNEL, "from": "x"}),
    "div-one-pixel": joined("div", "b", "a", a=LEFT, b=PIXEL),
    "shift": {"conv": LEFT, "shift": {"op": "shift", "amount": 0.5}, "act": {"op": "silu"}},
    "sqrt": {
        "conv": LEFT,
        "act": {"op": "sigmoid"},
        "sqrt": {"op": "sqrt"},
        "mul": {"op": "mul", "from": ["sqrt", "act"]},
    },
    "sqrt-alone": {"act": {"op": "relu"}, "sqrt": {"op": "sqrt"}},
    "mul-both": joined("mul", "a", "b", a=CHANNEL, b={**PIXEL, "from": "x"}),
    "concat": joined("concat", "a", "b", "a", "b", a=LEFT, b=RIGHT),
}
OPERATORS: dict[str, Steps] = JOINS | {
    name: {"alone": {"op": name.split("-")[0], **arguments}} for name, arguments in ALONE.items()
}


TYPED: dict[str, Steps] = {
    "layer-scale-after": {"conv": LEFT, "scale": {"op": "layer_scale"}, "act": {"op": "silu"}},
    "layer-scale-read": {"scale": {"op": "layer_scale"}, "conv": LEFT},
    "layer-scale-added": {
        "scale": {"op": "layer_scale"},
        "sum": {"op": "add", "from": ["scale", "x"]},
        "act": {"op": "silu"},
    },
    "layer-scale-times": {
        "scale": {"op": "layer_scale"},
        "product": {"op": "mul", "from": ["scale", "x"]},
        "conv": LEFT,
    },
    "layer-scale-twice": {
        "scale": {"op": "layer_scale"},
        "norm": {"op": "batch_norm"},
        "conv1": LEFT,
        "conv2": {**LEFT, "from": "norm"},
        "sum": {"op": "add", "from": ["conv1", "conv2"]},
    },
    "dropout": {"dropout": {"op": "dropout", "probability": 0.5}, "act": {"op": "silu"}},
}
"""What autocast leaves in float32, and all that is made of it until a convolution reads it."""
HALF: dict[str, Steps] = {
    name: steps
    for name, steps in (OPERATORS | TYPED).items()
    # On a CPU edges are reflected in float32, on a GPU in 16 bits.
    if name not in ("affine", "blur_pool")
}
PARTS: dict[str, Steps] = {
    "two": {
        "a": {"op": "part", "index": 0},
        "b": {"op": "part", "index": 1, "from": "x"},
        "product": {"op": "mul", "from": ["a", "b"]},
    },
    "three-of-four": {
        "wide": {"op": "conv", "channels": 4 * C, "kernel": 1},
        **{f"p{i}": {"op": "part", "index": i, "of": 4, "from": "wide"} for i in range(3)},
        "sum": {"op": "add", "from": ["p0", "p1", "p2"]},
    },
    "one-twice": {
        "wide": {"op": "conv", "channels": 2 * C, "kernel": 1},
        "a": {"op": "part", "index": 0, "from": "wide"},
        "conv": LEFT,
        "again": {"op": "part", "index": 0, "from": "wide"},
        "b": {"op": "part", "index": 1, "from": "wide"},
        "sum": {"op": "add", "from": ["conv", "again", "b"]},
    },
}
"""Some taken at once and some not."""
SINGLE: dict[str, Steps] = {
    "softmax": {"softmax": {"op": "softmax"}},
    "group_norm": {"conv": LEFT, "norm": {"op": "group_norm", "groups": 4}},
    "layer_norm": {"conv": LEFT, "norm": {"op": "layer_norm"}},
    "softplus": {"conv": LEFT, "act": {"op": "softplus"}},
    "upsample": {"conv": LEFT, "upsample": {"op": "upsample"}, "back": LEFT},
    "channel_norm": {"conv": LEFT, "norm": {"op": "channel_norm"}},
    "gate": {
        "conv": LEFT,
        "small": {"op": "avg_pool", "kernel": 2},
        "interpolate": {"op": "interpolate", "from": ["small", "x"]},
        "gate": {"op": "gate", "from": ["conv", "interpolate"]},
    },
}
"""What CUDA has in float32."""


def around(steps: Steps) -> dict[str, Any]:
    """A network that keeps little but what these steps do."""
    end = {"pool": PIXEL, "linear": {"op": "linear", "features": "classes"}}
    conv = {"op": "conv", "channels": "c", "kernel": 1}
    return {
        "name": "around",
        "input": [3, SIDE, SIDE],
        "classes": 4,
        "stem": {"type": "conv", "channels": 4, "norm": False},
        "stages": [{"channels": C}],
        "unit": "wider",
        "head": "own",
        "blocks": {"wider": {"steps": {"conv": conv}}, "own": {"steps": steps | end}},
    }


@pytest.mark.parametrize("name", OPERATORS | PARTS)
def test_the_peak_of_an_operator(name: str) -> None:
    network = archcompiler.compile(around((OPERATORS | PARTS)[name]))
    # Of some operators the meta device has another implementation.
    measured = Measured(network, IMAGES, device="cpu")
    found = measured.by_us()
    assert measured.state + predicted(network, IMAGES) == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize("name", HALF)
def test_the_peak_of_an_operator_by_autocast(name: str) -> None:
    network = archcompiler.compile(around(HALF[name]))
    measured = Measured(network, IMAGES, autocast="cpu")
    found = measured.by_us()
    foreseen = measured.state + predicted(network, IMAGES, autocast="cpu")
    assert foreseen == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize("name", OPERATORS | TYPED | SINGLE)
def test_the_peak_of_an_operator_by_the_autocast_of_cuda(name: str) -> None:
    network = archcompiler.compile(around((OPERATORS | TYPED | SINGLE)[name]))
    measured = Measured(network, IMAGES, autocast="cuda")
    foreseen = measured.state + predicted(network, IMAGES, autocast="cuda")
    assert foreseen == pytest.approx(measured.by_us(), rel=0.01)


def test_a_shift_and_a_scale_by_autocast() -> None:
    """What `addcmul` makes of its factor has gone when a gradient is cast: both are counted."""
    network = archcompiler.compile(around(OPERATORS["affine"]))
    measured = Measured(network, IMAGES, autocast="cpu")
    found = measured.by_us()
    assert found <= measured.state + predicted(network, IMAGES, autocast="cpu") <= 1.25 * found
