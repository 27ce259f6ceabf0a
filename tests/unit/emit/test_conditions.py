"""Steps under conditions, read by one another and by what is always there, against plain torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import archcompiler
from archcompiler.verify import verify

WIDTHS = (8, 12)
CONDITIONS = {
    "cin == c": lambda cin, c: cin == c,
    "cin != c": lambda cin, c: cin != c,
    "c > 4": lambda cin, c: c > 4,
    "c > 10": lambda cin, c: c > 10,
    "c < 10": lambda cin, c: c < 10,
}
CONV = {"op": "conv", "channels": "c", "kernel": 1}
GATE = {"steps": {"pool": {"op": "global_avg_pool"}, "fc": {"op": "linear", "features": "c"}}}
ROW = {"steps": {"conv": {**CONV, "kernel": 3}, "relu": {"op": "relu"}}}
Steps = Mapping[str, Mapping[str, Any]]


def network(steps: Steps) -> archcompiler.CompiledNetwork:
    """A stage of as many channels as its input has, and one of more."""
    return archcompiler.compile(
        {
            "name": "net",
            "input": [3, 12, 10],
            "classes": 4,
            "stem": {"type": "conv", "channels": WIDTHS[0]},
            "stages": [{"channels": width} for width in WIDTHS],
            "unit": "own",
            "blocks": {"own": {"options": {"o": 1}, "steps": steps}, "row": ROW, "squeeze": GATE},
        }
    )


def computed(unit: nn.Module, steps: Steps, x: Tensor, cin: int, c: int) -> Tensor:
    """What the steps say, one after the other, with the layers of an emitted unit."""
    values, name = {"x": x}, "x"
    for step, table in steps.items():
        sources = table.get("from", name)
        inputs = [values[s] for s in (sources if isinstance(sources, list) else [sources])]
        name = step
        if "when" in table and not CONDITIONS[table["when"]](cin, c):
            values[step] = values[table["else"]] if "else" in table else inputs[0]
            continue
        match table["op"]:
            case "relu":
                values[step] = F.relu(inputs[0])
            case "global_avg_pool":
                values[step] = inputs[0].mean((2, 3), keepdim=True)
            case "linear":
                values[step] = getattr(unit, step)(inputs[0].flatten(1))[:, :, None, None]
            case "squeeze":
                layer = unit.get_submodule(f"{step}.fc")
                values[step] = layer(inputs[0].mean((2, 3)))[:, :, None, None]
            case "add":
                values[step] = torch.stack(inputs).sum(0)
            case "mul":
                values[step] = inputs[0] * inputs[1]
            case "row" if table["repeat"] == "o - 1":
                values[step] = inputs[0]
            case _:
                values[step] = getattr(unit, step)(inputs[0])
    return values[name]


def assert_computes(steps: Steps) -> None:
    compiled = network(steps)
    proof = verify(compiled)
    assert proof.holds, str(proof)
    model = compiled.module().double().eval()
    widths = (WIDTHS[0], *WIDTHS)
    for cin, c, stage in zip(widths, WIDTHS, ("stage1", "stage2"), strict=False):
        unit = model.get_submodule(f"{stage}.before.unit1")
        # Of equal sides and channels, a vector beside a map would go unseen.
        x = torch.randn(2, cin, c, c, dtype=torch.float64)
        with torch.no_grad():
            assert torch.allclose(unit(x), computed(unit, steps, x, cin, c))


SPECS: dict[str, Steps] = {
    "a group computes with a variable that is read after it": {
        "a": CONV,
        "b": {"op": "relu", "when": "c > 10"},
        "d": {"op": "mul", "from": ["b", "b"], "when": "c > 10"},
        "end": {"op": "add", "from": ["a", "d"]},
    },
    "both of two neighbours under one condition are read": {
        "a": CONV,
        "b": {**CONV, "kernel": 3, "from": "x"},
        "d": {"op": "norm", "from": "a", "when": "cin != c"},
        "e": {"op": "norm", "from": "b", "when": "cin != c"},
        "end": {"op": "add", "from": ["d", "e"]},
    },
    "a row of no blocks hands its input on, where it is there": {
        "a": CONV,
        "b": {"op": "relu"},
        "end": {"op": "row", "repeat": "o - 1", "when": "c > 4", "else": "a"},
    },
    "or where some are there": {
        "a": CONV,
        "b": {"op": "relu", "when": "c > 10"},
        "d": {"op": "mul", "from": ["a", "a"]},
        "e": {"op": "row", "from": "b", "repeat": "o - 1", "when": "c > 10", "else": "d"},
        "end": {"op": "add", "from": ["e", "d"]},
    },
    "a block ends in a vector": {
        "a": CONV,
        "b": {"op": "squeeze"},
        "end": {"op": "mul", "from": ["b", "a"]},
    },
    "a vector, or a map of one pixel": {
        "a": CONV,
        "b": {"op": "global_avg_pool"},
        "d": {"op": "linear", "features": "c", "when": "cin == c"},
        "end": {"op": "mul", "from": ["d", "a"]},
    },
    "a vector is read by a group that makes a map of it": {
        "a": CONV,
        "b": {"op": "global_avg_pool"},
        "d": {"op": "linear", "features": "c"},
        "e": {**CONV, "when": "c > 10"},
        "f": {"op": "mul", "from": ["e", "e"], "when": "c > 10"},
        "end": {"op": "mul", "from": ["f", "a"]},
    },
    "a vector goes into a block": {
        "a": CONV,
        "b": {"op": "global_avg_pool"},
        "d": {"op": "linear", "features": "c"},
        "e": {"op": "row", "repeat": 1},
        "end": {"op": "mul", "from": ["e", "a"]},
    },
}


@pytest.mark.parametrize("steps", SPECS.values(), ids=SPECS)
def test_a_unit_computes_what_its_steps_say(steps: Steps) -> None:
    assert_computes(steps)


@st.composite
def drawn_steps(draw: st.DrawFn) -> Steps:
    """Steps that keep the width of the unit, each under a condition or not."""
    steps: dict[str, dict[str, Any]] = {"first": dict(CONV)}
    names = ["first"]

    def source() -> str:
        return draw(st.sampled_from(names[-3:]))

    for number in range(draw(st.integers(2, 6))):
        name = f"s{number}"
        match draw(st.sampled_from(("conv", "relu", "norm", "add", "mul", "row", "gate"))):
            case "conv":
                table = {**CONV, "from": source()}
            case "add" | "mul" as op:
                table = {"op": op, "from": [source(), source()]}
            case "row":
                table = {
                    "op": "row",
                    "from": source(),
                    "repeat": draw(st.sampled_from((2, "o - 1"))),
                }
            case "gate":
                steps[f"{name}_pool"] = {"op": "global_avg_pool", "from": source()}
                vector: dict[str, Any] = {"op": "linear", "features": "c"}
                if draw(st.booleans()):
                    vector["when"] = draw(st.sampled_from(sorted(CONDITIONS)))
                steps[f"{name}_linear"] = vector
                both = [f"{name}_linear", source()][:: draw(st.sampled_from((1, -1)))]
                steps[name] = {"op": "mul", "from": both}
                names.append(name)
                continue
            case op:
                table = {"op": op, "from": source()}
        if draw(st.booleans()):
            table["when"] = draw(st.sampled_from(sorted(CONDITIONS)))
            if draw(st.booleans()):
                table["else"] = source()
        steps[name] = table
        names.append(name)
    always = [table["from"] for table in steps.values() if "when" not in table and "from" in table]
    read = {name for f in always for name in (f if isinstance(f, list) else [f])}
    unread = [name for name in names if name not in read]
    steps["end"] = {"op": "add", "from": [*unread, "first"]}
    return steps


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn_steps())
def test_drawn_units_compute_what_their_steps_say(steps: Steps) -> None:
    assert_computes(steps)
