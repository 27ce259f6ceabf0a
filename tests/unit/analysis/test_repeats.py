"""Rows of equal blocks, of which two at the start and the last are followed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import small_specs
from tiny import tiny_spec

import archcompiler
from archcompiler.analysis.budget import keeping
from archcompiler.analysis.held import Amount
from archcompiler.analysis.moments import Moment, StepMemory, highest_of
from archcompiler.analysis.peak import step_memory
from archcompiler.analysis.recompute import names_of_maps, recomputed
from archcompiler.analysis.repeats import Repeat, repeats, without
from archcompiler.ir import Graph

STAGES = (
    {"channels": 16, "modules": 6, "depth": 2, "before": 1, "after": 1},
    {"channels": 32, "modules": 3, "depth": 1},
    {"channels": 64, "modules": 4, "depth": 1},
)
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"autocast": "cuda"},
    {"autocast": "cpu"},
    {"checkpointing": True},
    {"accumulated": True},
    {"shards": 4},
    {"shards": 4, "accumulated": True, "autocast": "cuda"},
    {"shards": 8, "checkpointing": True},
    {"in_place": False},
)


def of_every_block(graph: Graph, **options: Any) -> StepMemory:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archcompiler.analysis.peak.repeats", lambda *_: [])
        return step_memory(graph, **options)


def assert_same(graph: Graph, **options: Any) -> None:
    found, whole = step_memory(graph, **options), of_every_block(graph, **options)
    assert found.forward == whole.forward
    for images in (0, 1, 7, 1000):  # without one, what is the same for any number of them
        assert found.highest(images) == whole.highest(images)
        assert found.peak(images) == whole.peak(images)
    for room in (2**20, 2**28, 2**34):
        assert found.most(room, 100) == whole.most(room, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archcompiler.analysis.peak.highest_of", list)
        reckoned, followed = step_memory(graph, **options), of_every_block(graph, **options)
    assert {*reckoned.moments} <= {*followed.moments}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_step_is_that_of_every_block(options: dict[str, Any]) -> None:
    assert_same(archcompiler.compile(tiny_spec(*STAGES)).graph, **options)


@pytest.mark.parametrize("share", [0.8, 0.5, 0.4, 0.3, 0.2])
def test_a_step_with_a_plan_is_that_of_every_block(share: float) -> None:
    """Also where blocks that are alike choose otherwise."""
    graph = archcompiler.compile(tiny_spec(*STAGES)).graph
    plan = keeping(graph, share, close=True)
    assert_same(graph, plan=plan)
    assert_same(graph, plan=plan, autocast="cuda", shards=4)


@given(small_specs(), st.sampled_from(OPTIONS))
def test_a_step_of_drawn_networks_is_that_of_every_block(
    spec: dict[str, Any], options: dict[str, Any]
) -> None:
    for stage in spec["stages"]:
        stage["modules"] = 5 if stage.get("modules") else 0
    graph = archcompiler.compile(spec).graph
    assert bool(repeats(graph, None)) == any(stage["modules"] for stage in spec["stages"])
    assert_same(graph, **options)


def test_which_blocks_are_not_followed() -> None:
    graph = archcompiler.compile(tiny_spec(*STAGES)).graph
    first, third = repeats(graph, None)
    assert first == Repeat(
        "stage1/attention1",
        "stage1/attention2",
        ("stage1/attention3", "stage1/attention4", "stage1/attention5"),
        "stage1/attention6",
    )
    assert third.between == ("stage3/attention3",)
    followed = {node.path for node in without(graph, [first, third]).nodes()}
    left_out = {node.path for node in graph.nodes()} - followed
    assert {"/".join(path.split("/")[:2]) for path in left_out} == {*first.between, *third.between}
    assert without(graph, []) is graph


def test_blocks_that_keep_other_maps_are_in_rows_of_their_own() -> None:
    graph = archcompiler.compile(tiny_spec(*STAGES)).graph

    def rows(*blocks: str) -> list[str]:
        plan = recomputed(graph, {block: frozenset() for block in blocks})
        return [row.first for row in repeats(graph, plan)]

    assert rows() == ["stage1/attention1", "stage3/attention1"]
    assert rows("stage1/attention3") == ["stage3/attention1"]
    assert rows("stage1/attention6", "stage3/attention1") == ["stage1/attention1"]


def test_a_block_that_recomputes_and_keeps_all_maps_is_in_no_row() -> None:
    """It makes again what is kept beside maps."""
    graph = archcompiler.compile(tiny_spec(*STAGES)).graph
    usual = recomputed(graph, {})
    block = "stage3/attention2"
    made = names_of_maps(graph).items()
    names = (
        name
        for name, path in made
        if path.startswith(f"{block}/") and f"{block}/" in name and usual.maps[path] == "kept"
    )
    plan = recomputed(graph, {block: frozenset(names)})
    assert any(row.first.startswith("stage3") for row in repeats(graph, usual))
    assert plan.maps == usual.maps
    assert not any(row.first.startswith("stage3") for row in repeats(graph, plan))


amounts = st.builds(Amount, st.integers(0, 9), st.integers(0, 9))
drawn_moments = st.builds(
    Moment, st.text("abc", max_size=2), amounts, st.integers(0, 9), amounts, st.integers(0, 9)
)


A, B = (Moment(where, Amount(5, 1), 2, Amount()) for where in "ab")


@example([A, B, A], 3)
@example([B, A], 3)
@given(st.lists(drawn_moments, min_size=1, max_size=20), st.integers(1, 50))
def test_the_highest_moment_is_among_the_highest(moments: list[Moment], images: int) -> None:
    few = highest_of(moments)
    assert max(moments, key=lambda m: m.total.of(images)) == max(
        few, key=lambda m: m.total.of(images)
    )
    places = [next(i for i, m in enumerate(moments) if m is one) for one in few]
    assert places == sorted(places)
    totals = [one.total for one in few]
    assert len(totals) == len(set(totals))
