"""Blocks of a decompiled spec's own: what they call, and what of several is one."""

from __future__ import annotations

from typing import Any

from decompiled_spec import again
from tiny import tiny_spec


def unit(kernel: int) -> dict[str, Any]:
    """A pre-activation unit that projects in any case, which none of the library does."""
    conv = {"op": "conv", "channels": "c", "bias": True}
    return {
        "preactivation": True,
        "steps": {
            "norm": {"op": "norm"},
            "act": {"op": "act"},
            "conv": {**conv, "kernel": kernel, "stride": "stride"},
            "project": {**conv, "from": "x", "kernel": 1, "stride": "stride"},
            "add": {"op": "add", "from": ["conv", "project"]},
        },
    }


def gated(units: int) -> dict[str, Any]:
    """An attention module of the same, with so many of them in its mask."""
    return {
        "steps": {
            "pre": {"op": "unit"},
            "trunk": {"op": "unit"},
            "pool": {"op": "max_pool", "from": "pre", "kernel": 2},
            "inner": {"op": "unit", "repeat": units},
            "up": {"op": "interpolate", "from": ["inner", "pre"]},
            "conv": {"op": "conv", "channels": "c", "kernel": 1, "bias": True},
            "sigmoid": {"op": "sigmoid"},
            "gate": {"op": "gate", "from": ["trunk", "sigmoid"]},
            "post": {"op": "unit"},
        }
    }


def test_units_that_differ_in_a_number_are_one_with_an_option() -> None:
    stages = [
        {"channels": 32, "before": 3},
        {"channels": 64, "stride": 2, "before": 3, "unit": "wide"},
        {"channels": 64, "before": 2},
    ]
    made = again(tiny_spec(*stages, unit="small", blocks={"small": unit(3), "wide": unit(5)}))
    assert made.blocks == ("residual",)
    assert made.values["unit"] == "residual"
    block = made.values["blocks"]["residual"]
    assert block["options"] == {"kernel": {"default": 3}}
    assert block["steps"]["conv1"]["kernel"] == "kernel"
    wide = {"type": "residual", "kernel": 5}
    assert made.values["stages"] == [s | ({"unit": wide} if "unit" in s else {}) for s in stages]


def test_modules_of_their_own_have_units_and_options() -> None:
    """Those of different sizes are one as well, and may come again in a stage."""
    spec = tiny_spec(
        {"channels": 32, "modules": 2},
        {"channels": 64, "stride": 2, "modules": 1, "attention": {"type": "larger"}},
        unit="unit",
        attention={"type": "small"},
        blocks={"unit": unit(3), "small": gated(1), "larger": gated(2)},
    )
    made = again(spec)
    larger = {"type": "gated", "times": 2}
    assert made.values["stages"] == [spec["stages"][0], spec["stages"][1] | {"attention": larger}]
    assert made.values["attention"] == {"type": "gated"}
    assert made.blocks == ("residual", "gated")
    steps = made.values["blocks"]["gated"]["steps"].values()
    ops = ["residual", "residual", "max_pool", "residual", "interpolate", "conv", "sigmoid", "gate"]
    assert [step["op"] for step in steps] == [*ops, "residual"]


def test_what_is_there_once_says_what_it_is_called_with() -> None:
    """Its widths are those of the block where they are the same, and numbers where they are not."""
    odd = {
        "wide": {"op": "conv", "channels": 24, "kernel": 3, "stride": 2},
        "prelu": {"op": "prelu"},
        "conv": {"op": "conv", "channels": "cin", "kernel": 3, "groups": 8},
        "last": {"op": "conv", "channels": "c", "kernel": 1},
    }
    stages = [{"channels": 16}, {"channels": 48, "stride": 2, "unit": "odd"}]
    made = again(tiny_spec(*stages, unit="basic", blocks={"odd": {"steps": odd}}))
    (block,) = made.values["blocks"].values()
    convs = [step for step in block["steps"].values() if step["op"] == "conv"]
    assert [conv["channels"] for conv in convs] == [24, "cin", "c"]
    assert [conv.get("stride", 1) for conv in convs] == ["stride", 1, 1]


def test_parts_that_follow_one_another_are_one() -> None:
    """Two quarters that are a half, and what is all of a map in order, stay as they are."""
    conv = {"op": "conv", "channels": "c", "kernel": 1, "bias": True}

    def part(index: int, of: int, source: str = "conv") -> dict[str, Any]:
        return {"op": "part", "from": source, "index": index, "of": of}

    steps = {
        "conv": conv,
        "a": part(0, 8),
        **{f"b{i}": part(i, 8) for i in range(1, 8)},
        "rest": {"op": "concat", "from": [f"b{i}" for i in range(1, 8)]},
        "deep": {**conv, "kernel": 3},
        "c": part(0, 4, "deep"),
        "relu": {"op": "relu"},
        **{f"d{i}": part(i, 4, "deep") for i in (2, 3, 1)},
        "e": {"op": "concat", "from": ["d2", "d3", "relu", "d1", "a"]},
        "f": {**conv},
        "g": part(3, 4, "f"),
        "h": part(1, 4, "f"),
        "i": part(2, 4, "f"),
        "j": {"op": "concat", "from": ["g", "h", "i"]},
        "last": conv,
        "first_half": part(0, 2, "last"),
        "second_half": part(1, 2, "last"),
        "whole": {"op": "concat", "from": ["first_half", "second_half"]},
    }
    made = again(tiny_spec({"channels": 16, "unit": "own"}, blocks={"own": {"steps": steps}}))
    (block,) = made.values["blocks"].values()
    parts = [step for step in block["steps"].values() if step["op"] == "part"]
    counts = sorted((step["index"], step.get("of", 2), step.get("count", 1)) for step in parts)
    quarters = [(0, 4, 1), (1, 4, 1), (1, 4, 2), (2, 4, 1), (3, 4, 1), (3, 4, 1)]
    assert counts == sorted([(0, 8, 1), (1, 8, 7), *quarters, (0, 2, 1), (1, 2, 1)])
