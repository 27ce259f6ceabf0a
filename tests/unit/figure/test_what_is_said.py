"""Cards tell apart what differs, and dashes and the legend say skip and residual of what is."""

from __future__ import annotations

import re
from typing import Any

import pytest

import archcompiler
from archcompiler.compiler import CompiledNetwork
from archcompiler.figure.diagram import Request, draw
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.labels import step_words
from archcompiler.figure.skips import skips
from archcompiler.ir import Block, Step, TensorType
from archcompiler.ir.kinds import UNIT
from archcompiler.ops.registry import operator

NORM, ACT = {"op": "norm"}, {"op": "act"}


def network(
    steps: dict[str, Any], *, stages: Any = ({"channels": 16, "before": 2},)
) -> CompiledNetwork:
    spec = {
        "name": "tiny", "input": [3, 32, 32], "classes": 10, "unit": "u",
        "stem": {"type": "conv", "channels": 16}, "stages": list(stages),
        "blocks": {"u": {"steps": steps}},
    }  # fmt: skip
    return archcompiler.compile(spec)


def unit(network: CompiledNetwork) -> Block:
    return [b for _, b in network.graph.blocks() if b.kind == UNIT][-1]


def conv(kernel: int = 3, **more: Any) -> dict[str, Any]:
    return {"op": "conv", "channels": "c", "kernel": kernel} | more


def texts(network: CompiledNetwork) -> list[str]:
    svg = draw(network, Request()).render("svg").decode()
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (conv(), ("3×3 conv", "16")),
        (conv(dilation=4), ("3×3 conv, dilation 4", "16")),
        (conv(dilation=[1, 2]), ("3×3 conv, dilation 1×2", "16")),
        (conv(groups="c", dilation=2), ("3×3 conv, dilation 2", "16, depthwise")),
        (conv(padding=0), ("3×3 conv", "16, padding 0")),
        (conv(kernel=[1, 7], groups=4), ("1×7 conv", "16, 4 groups")),
        (conv(2, stride=2, padding=0), ("2×2 conv", "16 /2")),
        (
            {"op": "max_pool", "kernel": 3, "stride": 1, "padding": 1, "dilation": 2},
            ("max pool", "3×3 /1, dilation 2"),
        ),
        ({"op": "adaptive_avg_pool", "size": 2}, ("adaptive avg pool", "to 2×2")),
        ({"op": "upsample", "scale": 4, "mode": "nearest"}, ("nearest ×4",)),
        ({"op": "upsample", "mode": "bilinear", "scale": [1, 2]}, ("bilinear ×1×2",)),
        ({"op": "part", "index": 1, "of": 4}, ("part 2 of 4",)),
        ({"op": "part", "index": 1, "of": 4, "count": 3}, ("parts 2 to 4 of 4",)),
        ({"op": "shuffle", "groups": 4}, ("shuffle", "4 groups")),
        ({"op": "softmax"}, ("softmax",)),
        ({"op": "softmax", "axis": "positions"}, ("softmax", "over positions")),
        ({"op": "softmax", "axis": "parts", "of": 4}, ("softmax", "over 4 parts")),
        ({"op": "pixel_shuffle", "factor": 2}, ("pixel shuffle ×2",)),
        ({"op": "pixel_unshuffle", "factor": 2}, ("pixel unshuffle /2",)),
        (
            {"op": "conv_transpose", "channels": 8, "kernel": 4, "stride": 2},
            ("4×4 transposed conv", "8 ×2"),
        ),
        (
            {"op": "conv_transpose", "channels": 8, "kernel": 3, "stride": 2, "padding": 0},
            ("3×3 transposed conv", "8 ×2, padding 0"),
        ),
        ({"op": "scale", "factor": -0.5}, ("× −0.5",)),
        ({"op": "shift", "amount": -0.5}, ("− 0.5",)),
        ({"op": "shift", "amount": 1e-6}, ("+ 1e-06",)),
        ({"op": "reduce", "how": "norm", "axis": "positions"}, ("L2 norm over positions",)),
        ({"op": "reduce", "how": "var", "axis": "channels"}, ("variance over channels",)),
    ],
    ids=str,
)
def test_a_card_says_what_tells_an_operator_from_its_like(
    step: dict[str, Any], words: tuple[str, ...]
) -> None:
    arguments = {name: 16 if value == "c" else value for name, value in step.items()}
    op = operator(arguments.pop("op")).make((16,), 2, **arguments)
    x = TensorType(16, 8, 8)
    assert step_words(Step("a", op, ("x",), op.shape((x,)))) == words


def test_joins_along_other_axes_say_so() -> None:
    steps = {
        "a": conv(1),
        "b": conv(1, **{"from": "x"}),
        "both": {"op": "concat", "from": ["a", "b"], "axis": "height"},
        "first": {"op": "take", "from": ["both", "a"], "axis": "height"},
        "last": {"op": "take", "from": ["both", "b"], "axis": "height", "end": "last"},
        "y": {"op": "concat", "from": ["first", "last"]},
        "z": conv(1),
    }
    words = [step_words(step) for step in unit(network(steps)).steps]
    assert words[2:6] == [
        ("concat", "along height"),
        ("take first", "along height"),
        ("take last", "along height"),
        ("concat",),
    ]


def test_a_product_with_itself_is_a_square() -> None:
    steps = {
        "a": conv(),
        "square": {"op": "mul", "from": ["a", "a"]},
        "product": {"op": "mul", "from": ["square", "a"]},
    }
    words = [step_words(step) for step in unit(network(steps)).steps]
    assert words[1:] == [("square",), ("×",)]


BRANCHES = {
    "a": conv(), "b": conv(**{"from": "x"}, dilation=2), "y": {"op": "add", "from": ["a", "b"]},
}  # fmt: skip
RESIDUAL = {"a": conv(), "norm": NORM, "y": {"op": "add", "from": ["norm", "x"]}}
PROJECTED = {
    "a": conv(), "norm": NORM, "act": ACT, "b": conv(), "way": conv(1, **{"from": "x"}),
    "way_norm": NORM, "y": {"op": "add", "from": ["b", "way_norm"]},
}  # fmt: skip
PARALLEL = {
    "a": conv(), "norm": NORM, "b": conv(1, **{"from": "x"}), "b_norm": NORM,
    "c": {"op": "norm", "from": "x"}, "y": {"op": "add", "from": ["norm", "b_norm", "c"]},
}  # fmt: skip
SELECTED = {
    "a": conv(), "b": conv(**{"from": "x"}, dilation=2), "sum": {"op": "add", "from": ["a", "b"]},
    "pool": {"op": "global_avg_pool"}, "gate": conv(1),
    "left": {"op": "mul", "from": ["a", "gate"]}, "right": {"op": "mul", "from": ["b", "gate"]},
    "y": {"op": "add", "from": ["left", "right"]},
}  # fmt: skip
SIZED = {
    "high": conv(), "low": conv(stride=2, **{"from": "x"}), "low2": conv(),
    "up": {"op": "interpolate", "from": ["low2", "high"]},
    "y": {"op": "add", "from": ["up", "high"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(BRANCHES, set(), id="branches"),
        pytest.param(RESIDUAL, {("x", "y")}, id="residual"),
        pytest.param(
            PROJECTED, {("x", "way"), ("way", "way_norm"), ("way_norm", "y")}, id="projected"
        ),
        pytest.param(PARALLEL, {("x", "c"), ("c", "y")}, id="a norm beside two branches"),
        pytest.param(SELECTED, set(), id="selected"),
        pytest.param(SIZED, set(), id="one is as large as the other"),
    ],
)
def test_a_skip_passes_by_what_the_other_side_of_the_sum_computes(
    steps: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    made = network(steps)
    assert skips(unit(made)) == expected
    assert Drawing(made).residual == bool(expected)
    shown = texts(made)
    assert ("skip connection" in shown) == bool(expected)
    assert ("residual unit" in shown) == bool(expected)
    assert ("unit" in shown) != bool(expected)


def test_a_caption_says_what_the_first_of_a_stage_lacks() -> None:
    steps = {
        "left": {"op": "part", "index": 0, "when": "stride == 1"},
        "right": {"op": "part", "index": 1, "from": "x", "when": "stride == 1"},
        "way": conv(3, **{"from": "left"}, stride="stride", channels="c / 2", when="stride != 1"),
        "a": conv(3, **{"from": "right"}, stride="stride", channels="c / 2"),
        "b": conv(3, channels="c / 2"),
        "y": {"op": "concat", "from": ["way", "b"]},
    }
    stages = [{"channels": 16}, {"channels": 32, "stride": 2, "before": 3}]
    caption = next(text for text in texts(network(steps, stages=stages)) if "first of" in text)
    assert "no split" in caption


def test_a_caption_says_where_there_is_no_skip() -> None:
    steps = {
        "a": conv(stride="stride"),
        "y": {"op": "add", "from": ["a", "x"], "when": "stride == 1 and cin == c"},
    }
    stages = [{"channels": 16}, {"channels": 32, "stride": 2, "before": 3}]
    shown = texts(network(steps, stages=stages))
    assert any("no skip connection" in text for text in shown)
    assert "residual unit" in shown


@pytest.mark.parametrize(
    ("modules", "words"), [(1, "module"), (2, "module × 2"), (3, "module × 3")]
)
def test_a_card_says_how_many_it_stands_for(modules: int, words: str) -> None:
    stage = {"channels": 16, "modules": modules, "depth": 1}
    found = texts(network({"conv": conv()}, stages=[stage]))
    assert [text for text in found if text.startswith("module")] == [words]
