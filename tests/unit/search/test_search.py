"""A search finds what an enumeration of all specs does, each compiled by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from enumerated import QUANTITIES, enumerated, measured
from tiny import tiny_spec

from archcompiler.config.toml import toml_text, toml_value
from archcompiler.search.loading import load_space
from archcompiler.search.searching import Result, search

TWO = tiny_spec({"channels": 16}, {"channels": 32, "stride": 2, "modules": 1, "depth": 1})
SPACES: dict[str, tuple[dict[str, Any], dict[str, list[Any]], dict[str, Any]]] = {
    "modules and units inside them": (
        TWO,
        {
            "attention.t": [1, 2],
            "stages.0.modules": [0, 1, 2],
            "stages.0.depth": [0, 1],
            "stages.1.modules": [0, 1, 2],
            "stages.1.attention.p": [0, 1],
        },
        {},
    ),
    "widths, of which some do not fit": (
        tiny_spec({"channels": 64}, {"channels": 64}, unit="resnext"),
        {
            "stages.0.channels": [16, 64, 128],
            "stages.0.before": [0, 1, 2],
            "stages.1.channels": [60, 64, 128],
            "stages.1.before": [0, 1],
            "stages.1.after": [0, 1],
        },
        {"objective": {"minimise": ["memory"], "maximise": ["depth", "params"]}},
    ),
    "depths that run out of pixels": (
        TWO,
        {
            "stages.0.stride": [1, 2, 4],
            "stages.1.stride": [1, 2, 4],
            "stages.1.depth": [1, 2, 3, 4],
            "stages.1.modules": [0, 1],
        },
        {"objective": {"minimise": ["memory", "macs"]}},
    ),
    "what is dilated in place of strides": (
        {**TWO, "output_stride": 2, "unit": "basic"},
        {
            "output_stride": [1, 2, 4],
            "stages.0.stride": [1, 2],
            "stages.1.stride": [1, 2, 4],
            "stages.1.before": [1, 2],
        },
        {"objective": {"minimise": ["macs", "memory"], "maximise": ["depth"]}},
    ),
    "no stem and no head": (
        tiny_spec({"channels": 3}, {"channels": 8}, unit="basic"),
        {
            "stem": ["none", {"type": "conv", "channels": 8}],
            "head.type": ["none", "linear"],
            "stages.0.channels": [3, 8],
            "stages.0.before": [0, 1, 2],
            "stages.0.after": [0, 1],
            "unit": ["basic", "preact_basic"],
        },
        {"objective": {"minimise": ["memory"], "maximise": ["depth"]}},
    ),
    "units that pass on what they get": (
        {
            **TWO,
            "stem": {"type": "none"},
            "input": [16, 32, 32],
            "blocks": {
                "through": {"steps": {"act": {"op": "act"}}},
                "shut": {"steps": {"act": {"op": "sigmoid"}}},
                "idle": {"options": {"on": False}, "steps": {"act": {"op": "act", "when": "on"}}},
            },
        },
        {
            "stages.0.unit": ["through", "shut", "idle", "basic"],
            "stages.0.before": [0, 1, 2],
            "stages.0.after": [0, 1],
            "stages.1.channels": [16],
            "stages.1.stride": [1],
            "stages.1.unit": ["idle", "basic", "through"],
        },
        {"objective": {"minimise": ["memory"], "maximise": ["depth"]}},
    ),
    "words that mean another operator": (
        TWO,
        {
            "norm": ["batch", "none", {"type": "group", "groups": 8}],
            "activation": ["relu", "sigmoid"],
            "input": [[3, 32, 32], [3, 24, 24]],
            "stages.0.channels": [8, 12],
            "stages.1.modules": [0, 1],
        },
        {"objective": {"minimise": ["memory", "params"], "maximise": ["macs"]}},
    ),
    "sizes that are expected to be valid": (
        {**TWO, "expect": {"valid": [6, 24], "depth": "< 30"}},
        {"stages.0.stride": [1, 2, 4], "stages.1.depth": [1, 2], "stages.1.modules": [0, 1, 2]},
        {},
    ),
}


def searched(folder: Path, spec: dict[str, Any], space: dict[str, Any]) -> Result:
    (folder / "base.toml").write_text(toml_text(spec), encoding="utf-8")
    file = folder / "space.json"
    file.write_text(json.dumps({"extends": "base.toml", **space}), encoding="utf-8")
    return search(load_space(file))


def agree(folder: Path, spec: dict[str, Any], axes: dict[str, list[Any]], aims: Any) -> None:
    """Compare a search with an enumeration, within several budgets."""
    # What is expected of quantities is a budget to a search: for an enumeration it is one too.
    expected = {key: value for key, value in spec.get("expect", {}).items() if key in QUANTITIES}
    taken_back = {**spec, "expect": {**spec.get("expect", {}), **dict.fromkeys(expected, "any")}}
    (folder / "free.toml").write_text(toml_text(taken_back), encoding="utf-8")
    every = enumerated(folder / "free.toml", axes)
    for budget in budgets(every.networks.values()):
        space = {"space": axes, **aims, **({"budget": budget} if budget else {})}
        result = searched(folder, spec, space)
        assert result.compiled == every.compiled
        assert result.misfits.total() == every.refused.total()
        assert {code for code, _ in result.misfits} == {*every.refused}
        found = {}
        for candidate in result.candidates():
            words = [f"{'.'.join(a.path)}={toml_value(v.plain())}" for a, v in candidate.chosen]
            digest, costs = measured(folder / "free.toml", words)
            assert costs == candidate.costs
            found[digest] = costs
        assert found.keys() == every.front({**space, "budget": {**expected, **budget}})


def budgets(costs: Any) -> list[dict[str, str]]:
    """Budgets that some of these costs keep to, from either side of every quantity."""
    ranks = {q: sorted({c[i] for c in costs}) for i, q in enumerate(QUANTITIES)}

    def at(name: str, share: float) -> int:
        return ranks[name][int(share * (len(ranks[name]) - 1))]

    return [
        {},
        {"macs": f"<= {at('macs', 0.6)}", "params": f"< {at('params', 0.9) + 1}"},
        {"depth": f">= {at('depth', 0.4)}", "memory": f"<= {at('memory', 0.7)}"},
        {"macs": f">= {at('macs', 0.3)}, <= {at('macs', 0.8)}"},
        {"depth": at("depth", 0.5)},  # type: ignore[dict-item]
    ]


@pytest.mark.parametrize("name", SPACES)
def test_a_search_is_an_enumeration(name: str, tmp_path: Path) -> None:
    spec, axes, aims = SPACES[name]
    agree(tmp_path, spec, axes, aims)
