"""A search finds what an enumeration of all specs does, each compiled by itself."""

from __future__ import annotations

import json
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pytest
from enumerated import QUANTITIES, Enumerated, as_settings, enumerated
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import EVERY_SPEC
from tiny import tiny_spec

import archcompiler
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError
from archcompiler.search import states
from archcompiler.search.loading import load_space
from archcompiler.search.searching import Result, search

TWO = tiny_spec({"channels": 16}, {"channels": 32, "stride": 2, "modules": 1, "depth": 1})
SPACES: dict[str, tuple[dict[str, Any], dict[str, list[Any]], dict[str, Any]]] = {
    "modules and units inside them": (
        TWO,
        {
            "attention.t": [1, 2],
            "stages.0.modules": [0, 2],
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
            "stages.0.before": [0, 1],
            "stages.1.channels": [60, 64, 128],
            "stages.1.before": [0, 1],
            "stages.1.after": [0, 1],
        },
        {"objective": {"minimise": ["memory"], "maximise": ["depth", "params"]}},
    ),
    "depths that run out of pixels": (
        TWO,
        {
            "stages.0.stride": [1, 4],
            "stages.1.stride": [1, 4],
            "stages.1.depth": [1, 2, 3, 4],
            "stages.1.modules": [0, 1],
        },
        {"objective": {"minimise": ["memory", "macs"]}},
    ),
    "what is dilated in place of strides": (
        {
            **TWO,
            "output_stride": 2,
            "unit": "basic",
            "blocks": {
                # What it is dilated by changes what it costs.
                "plain": {
                    "options": {"dilation": {"type": "int", "default": 1}},
                    "steps": {
                        "conv": {
                            "op": "conv",
                            "channels": "c",
                            "kernel": 3,
                            "stride": "stride",
                            "groups": "dilation",
                        }
                    },
                },
            },
        },
        {
            "output_stride": [1, 2, 4],
            "stages.0.stride": [1, 2],
            "stages.1.stride": [1, 2, 4],
            "stages.1.unit": ["basic", "plain"],
        },
        {"objective": {"minimise": ["params"], "maximise": ["memory"]}},
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
    "dot products of which the next stage has the channels": (
        tiny_spec(
            {"channels": 16},
            {"channels": 16},
            input=[3, 4, 4],
            expect={"valid": [8]},
            blocks={
                "gram": {"steps": {"dots": {"op": "dot", "from": ["x", "x"]}}},
                "through": {"steps": {"act": {"op": "act"}}},
                # Of another size of input only where its channels are positions.
                "sum": {"steps": {"sums": {"op": "attend", "from": ["x", "x"]}}},
            },
        ),
        {
            "stages.0.unit": ["gram", "basic"],
            "stages.1.unit": ["gram", "basic", "through", "sum"],
            "head.type": ["none", "linear"],
        },
        {"objective": {"minimise": ["params"], "maximise": ["macs"]}},
    ),
    "depths of masks that have none": (
        tiny_spec({"channels": 16, "modules": 1, "depth": 1}, {"channels": 64}, unit="basic"),
        {
            "stages.0.attention.mask": ["eca", "hourglass"],
            "stages.0.depth": [0, 1, 2],
            "stages.0.attention.r": [1, 2],
            # The second says what is so by default.
            "stages.1.unit": ["resnext", {"type": "resnext", "groups": 32}],
        },
        {"objective": {"minimise": ["macs"], "maximise": ["depth"]}},
    ),
    "other stages as a whole, of which some are none": (
        TWO,
        {
            "stages": [
                [],
                5,
                [{"channels": 16}],
                [{"channels": 16}, {"channels": 32, "stride": 2}],
                [{"channels": 16}, {"channels": 30, "unit": "resnext"}],
                [{"channels": 16, "modules": 1}, {"channels": 16}, {"channels": 8}],
            ],
            "stem.channels": [8, 16],
        },
        {},
    ),
    "words that mean another operator": (
        TWO,
        {
            "norm": ["batch", {"type": "group", "groups": 8}],
            "activation": ["relu", "sigmoid"],
            "input": [[3, 32, 32], [3, 24, 24]],
            "stages.0.channels": [8, 12],
            "stages.1.modules": [0, 1],
        },
        {"objective": {"minimise": ["memory", "params"], "maximise": ["macs"]}},
    ),
    "two stages of which either may be the wider": (
        # Parameters are the same either way, which is a tie whatever else is not.
        tiny_spec({"channels": 16}, {"channels": 16}, {"channels": 16}, head="none"),
        {f"stages.{i}.{key}": [0, 2] for i in (0, 2) for key in ("after", "modules")}
        | {"stages.0.attention.mask": ["local"]},
        {"objective": {"minimise": ["depth"], "maximise": ["params"]}},
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


def agree(folder: Path, spec: dict[str, Any], axes: dict[str, list[Any]], aims: Any = None) -> None:
    """Compare a search with an enumeration, within several budgets."""
    # What is expected of quantities is a budget to a search: for an enumeration it is one too.
    expected = {key: value for key, value in spec.get("expect", {}).items() if key in QUANTITIES}
    taken_back = {**spec, "expect": {**spec.get("expect", {}), **dict.fromkeys(expected, "any")}}
    (folder / "free.toml").write_text(toml_text(taken_back), encoding="utf-8")
    every = enumerated(folder / "free.toml", axes)
    for budget in budgets(every):
        space = {"space": axes, "budget": budget, **(aims or {})}
        if not every.costs:
            with pytest.raises(CompileError, match="E805"):
                searched(folder, spec, space)
            continue
        result = searched(folder, spec, space)
        assert result.compiled == len(every.costs)
        assert result.misfits.total() == every.refused.total()
        assert {code for code, _ in result.misfits} == {*every.refused}
        found = set()
        for candidate in result.candidates():
            chosen = {".".join(axis.path): value.plain() for axis, value in candidate.chosen}
            values = as_settings(chosen)
            assert every.costs[values] == candidate.costs
            found.add(every.network[values])
        assert found == every.front({**space, "budget": {**expected, **budget}})
        # An idle unit is one of its own in what is emitted, though it has no operator.
        if all(key.startswith("stages.") for key in axes) and "idle" not in str(axes):
            # Values of a stage that change nothing in it are looked at once.
            assert result.networks == len(set(every.network.values()))
            assert result.count == len(found)


def budgets(every: Enumerated) -> list[dict[str, Any]]:
    """Budgets that some specs keep to, from either side of every quantity."""
    ranks = {q: sorted({c[i] for c in every.costs.values()}) for i, q in enumerate(QUANTITIES)}

    def at(name: str, share: float) -> int:
        return ranks[name][int(share * (len(ranks[name]) - 1))] if ranks[name] else 0

    found: list[dict[str, Any]] = [
        {},
        {"macs": f"<= {at('macs', 0.6)}", "params": f"< {at('params', 0.9) + 1}"},
        {
            "macs": f">= {at('macs', 0.3)}, <= {at('macs', 0.8)}",
            "memory": f"<= {at('memory', 0.7)}",
        },
        {"depth": at("depth", 0.5), "params": f"> {at('params', 0.2)}"},
    ]
    if EVERY_SPEC:
        found += [
            {"depth": f">= {at('depth', 0.4)}", "memory": f"<= {at('memory', 0.7)}"},
            {"params": f"> {at('params', 0.2)}", "memory": f"{at('memory', 0.5) / 1000:.0f}k"},
        ]
    return found


@pytest.mark.parametrize("name", SPACES)
def test_a_search_is_an_enumeration(name: str, tmp_path: Path) -> None:
    spec, axes, aims = SPACES[name]
    agree(tmp_path, spec, axes, aims)


def test_a_network_of_too_many_operators_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = tiny_spec({"channels": 16}, unit="basic")
    axes = {"stages.0.before": [1, 2, 3], "stages.0.after": [0, 1, 2]}
    every = [
        archcompiler.compile(spec, as_settings(dict(zip(axes, values, strict=True))))
        for values in product(*axes.values())
    ]
    counts = [network.graph.root.operator_count for network in every]
    for most in range(min(counts), max(counts) + 1):
        monkeypatch.setattr(states, "MAX_OPERATORS", most)
        result = searched(tmp_path, spec, {"space": axes})
        too_large = result.misfits["E310", "the network is too large"]
        assert too_large == result.misfits.total() == sum(count > most for count in counts)


@pytest.mark.parametrize("sign", ["<", "<=", "==", ">=", ">"])
@pytest.mark.parametrize("aim", ["minimise", "maximise"])
def test_a_bound_on_either_side_of_an_aim(sign: str, aim: str, tmp_path: Path) -> None:
    """The best that keeps to it may begin with more units than another, and end with fewer."""
    spec = tiny_spec({"channels": 16}, {"channels": 16}, {"channels": 16}, unit="basic")
    axes = {f"stages.{i}.before": counts for i, counts in enumerate(([1, 3], [1, 5], [1, 10]))}
    (tmp_path / "base.toml").write_text(toml_text(spec), encoding="utf-8")
    every = enumerated(tmp_path / "base.toml", axes)
    for name in ("macs", "depth"):
        values = sorted({costs[QUANTITIES.index(name)] for costs in every.costs.values()})
        assert len(values) == 8
        for value in values:
            space = {"space": axes, "budget": {name: f"{sign} {value}"}, "objective": {aim: [name]}}
            found = {candidate.costs for candidate in searched(tmp_path, spec, space).candidates()}
            best = every.front(space)
            assert found == {c for key, c in every.costs.items() if every.network[key] in best}


VALUES: dict[str, list[Any]] = {
    "attention.t": [0, 1, 2],
    "attention.mask": ["local", "hourglass", "eca"],
    "unit": ["basic", "preact_bottleneck"],
    "stem": ["conv", {"type": "conv_pool", "channels": 16}],
    "classes": [2, 10],
    "stages.0.channels": [8, 16, 20],
    "stages.0.modules": [0, 1, 3],
    "stages.0.depth": [0, 2, 6],
    "stages.0.attention.r": [1, 2],
    "stages.1.before": [0, 1, 2],
    "stages.1.stride": [1, 2],
    "stages.1.grow": [False, True],
    "stages.1.attention.p": [1, 2],
    "stages.1.unit": ["basic", "preact_bottleneck"],
}
"""Keys, each with all of its values that are drawn from."""
AIMS = st.lists(st.sampled_from(QUANTITIES), min_size=1, max_size=4, unique=True)


@settings(max_examples=settings.get_profile("ci").max_examples // 4)
@given(st.data())
def test_any_space_is_searched_like_that(tmp_path_factory: Any, data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=2, max_size=4, unique=True))
    axes = {
        key: data.draw(
            st.lists(st.sampled_from(VALUES[key]), min_size=1, max_size=2, unique_by=repr)
        )
        for key in keys
    }
    aims = data.draw(AIMS)
    cut = data.draw(st.integers(0, len(aims)))
    objective = {"minimise": aims[:cut], "maximise": aims[cut:]}
    agree(tmp_path_factory.mktemp("space"), TWO, axes, {"objective": objective})


@pytest.mark.skipif(not EVERY_SPEC, reason="takes minutes: EVERY_SPEC=1, as every night")
def test_ten_thousand_specs_are_searched_like_that(tmp_path: Path) -> None:
    axes = {
        "unit": ["basic", "preact_bottleneck"],
        "attention.t": [1, 2],
        **{f"stages.{i}.modules": [0, 1, 2, 3, 4] for i in (0, 1)},
        **{f"stages.{i}.channels": [8, 16, 24] for i in (0, 1)},
        "stages.0.depth": [1, 4],
        "stages.1.attention.p": [1, 2, 3],
        "stages.1.before": [0, 1],
    }
    assert prod(map(len, axes.values())) > 10_000
    agree(tmp_path, TWO, axes)
