import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_spec

import archcompiler
from archcompiler.analysis.depth import trunk_depth
from archcompiler.ir import Block, Graph
from archcompiler.ir.kinds import MASK, UNIT
from archcompiler.lower import lower
from archcompiler.spec.loader import load


def spec(stages: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    stages = [{"channels": 64} | stage for stage in stages]
    return tiny_spec(**{"input": [3, 64, 64], "stages": stages} | changes)


def graph(stages: list[dict[str, Any]], **changes: Any) -> Graph:
    return archcompiler.compile(spec(stages, **changes)).graph


def units(block: Block) -> int:
    """Units below a block."""
    below = [step.body for step in block.steps if isinstance(step.body, Block)]
    return sum(1 if body.kind == UNIT else units(body) for body in below)


small = st.integers(1, 3)


@given(p=st.integers(0, 3), t=small, r=small, modules=st.lists(small, min_size=3, max_size=3))
def test_depth_of_the_family(p: int, t: int, r: int, modules: list[int]) -> None:
    stages = [{"modules": m, "after": 1, "depth": 2} for m in modules]
    network = graph(stages, attention={"p": p, "t": t, "r": r})
    assert trunk_depth(network) == 20 + 3 * sum(modules) * (p + t + p)


@given(r=small, depth=st.integers(1, 4))
def test_a_local_mask_has_as_many_units_as_the_encoder_decoder(r: int, depth: int) -> None:
    def mask_units(mask: str) -> int:
        attention = {"r": r, "mask": mask}
        network = graph([{"modules": 1, "depth": depth}], attention=attention)
        (branch,) = (block for _, block in network.blocks() if block.kind == MASK)
        return units(branch)

    assert mask_units("local") == mask_units("hourglass") == 2 * r * depth + depth - 1


@given(before=small, after=st.integers(0, 3), modules=small, p=st.integers(0, 2), t=small)
def test_units_of_a_stage(before: int, after: int, modules: int, p: int, t: int) -> None:
    stage = {"before": before, "after": after, "modules": modules, "depth": 1}
    mask = {"type": "local", "units": 4}
    network = graph([stage], attention={"p": p, "t": t, "mask": mask})
    assert units(network.root) == before + after + modules * (2 * p + t + 4)


@pytest.mark.parametrize(
    ("unit", "stem_norm", "head_norm"),
    [("preact_bottleneck", False, True), ("resnext", True, False)],
)
def test_norms_stand_where_units_leave_them_to_others(
    unit: str, stem_norm: bool, head_norm: bool
) -> None:
    network = graph([{}], unit=unit)
    paths = {node.path for node in network.nodes()}
    assert ("stem/norm" in paths, "head/norm" in paths) == (stem_norm, head_norm)


def test_at_another_size_only_shapes_change() -> None:
    loaded = load(spec([{"modules": 1, "depth": 2}]))
    here, there = lower(loaded), lower(loaded, (40, 72))
    assert [n.path for n in here.nodes()] == [n.path for n in there.nodes()]
    assert there.root.step("stage1").type.size[0] == 40


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"op": "flatten", "size": 1}, "expects a map of 1×1, but gets 64×64"),
        ({"op": "part", "index": 3, "of": 1}, "part 3 of 1"),
        (
            {"op": "gate", "learning": "naive", "from": ["pool", "x"]},
            "does not fit a trunk of 16×1×1",
        ),
    ],
    ids=["flatten", "part", "gate"],
)
def test_what_would_do_nothing_has_to_fit_all_the_same(step: dict[str, Any], message: str) -> None:
    """The emitted module does what the step says, and would stop there, or give another shape."""
    steps = {
        "pool": {"op": "global_avg_pool"},
        "step": {"from": "x", **step},
        "sum": {"op": "add", "from": ["step", "pool", "x"]},
    }
    stage = {"channels": 16}
    (found,) = archcompiler.check(spec([stage], unit="own", blocks={"own": {"steps": steps}}))
    assert message in found.message


HUGE = 1_000_000_000


@pytest.mark.parametrize(
    ("changes", "blamed"),
    [
        ({"stages": [{"modules": HUGE, "depth": 3}]}, "modules"),
        ({"stages": [{"before": HUGE}]}, "before"),
        ({"stages": [{"after": HUGE}]}, "after"),
        ({"attention": {"r": HUGE}}, "r"),
        ({"attention": {"p": HUGE}}, "p"),
        ({"attention": {"t": HUGE}}, "t"),
        ({"attention": {"mask": {"type": "local", "units": HUGE}}}, "units"),
        ({"attention": {"p": HUGE, "t": HUGE, "r": HUGE}}, "p"),
        ({"attention": {"p": 300_000, "t": 300_000, "r": 300_000}}, "p"),
        ({"attention": {"p": 900}, "stages": [{"modules": 900, "depth": 1}]}, "modules"),
        ({"stages": [{"before": 100_000}] * 1000}, "before"),
        ({"stages": [{"modules": 30_000, "depth": 3}] * 1000}, "modules"),
    ],
)
def test_too_many_operators_are_refused_at_once(changes: dict[str, Any], blamed: str) -> None:
    changes = {"stages": [{"modules": 1, "depth": 3}]} | changes
    values = spec(**changes)
    start = time.process_time()
    (diagnostic,) = archcompiler.check(values)
    assert diagnostic.code == "E310"
    assert time.process_time() - start < 10
    assert diagnostic.span is not None
    line = diagnostic.span.source.line(diagnostic.span.location.line)
    assert line.strip().startswith(f'"{blamed}":')


def test_the_bound_is_exact() -> None:
    loaded = load(spec([{"modules": 3, "after": 2, "depth": 2}]))
    count = lower(loaded).root.operator_count
    assert lower(loaded, max_operators=count).root.operator_count == count
    with pytest.raises(archcompiler.CompileError, match="E310"):
        lower(loaded, max_operators=count - 1)


def test_as_many_stages_as_a_spec_may_have() -> None:
    start = time.process_time()
    assert archcompiler.check(spec([{"modules": 1, "depth": 1}] * 600 + [{}] * 400)) == []
    assert time.process_time() - start < 10
