from collections.abc import Callable

import pytest

from archcompiler import CompiledNetwork
from archcompiler.analysis.parameters import parameter_count
from archcompiler.figure.contents import module_groups, unit_groups
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.folding import digest, runs
from archcompiler.figure.words import short
from archcompiler.ir import Block, Graph


def block(network: CompiledNetwork, *names: str) -> Block:
    found: object = network.graph.root
    for name in names:
        assert isinstance(found, Block)
        found = found.step(name).body
    assert isinstance(found, Block)
    return found


def test_equal_siblings_are_one_run(attention452: CompiledNetwork) -> None:
    assert [(run.name, run.count) for run in runs(block(attention452, "stage1"))] == [
        ("before", 1),
        ("attention1–6", 6),
        ("after", 1),
    ]


def test_a_first_unit_that_differs_stays_apart(attention56: CompiledNetwork) -> None:
    found = list(runs(block(attention56, "stage4", "before")))
    assert [run.name for run in found] == ["unit1", "unit2–3"]


def test_equal_stages_fold_though_they_were_lowered_apart(
    make: Callable[..., CompiledNetwork],
) -> None:
    stage = {"channels": 64, "modules": 1, "depth": 1}
    names = [run.name for run in runs(make(stages=[stage] * 5).graph.root)]
    assert names == ["stem", "stage1", "stage2–5", "head"]


def test_a_relative_digest_ignores_width_and_size_alone(
    make: Callable[..., CompiledNetwork],
) -> None:
    stages = [
        {"channels": 64, "modules": 1, "depth": 1},
        {"channels": 128, "stride": 2, "modules": 1, "depth": 1},
        {"channels": 256, "stride": 2, "modules": 1, "depth": 2},
    ]
    network = make(stages=stages)
    one, two, three = (block(network, f"stage{i}", "attention1") for i in (1, 2, 3))
    assert digest(one) == digest(two) != digest(three)
    assert digest(one, relative=False) != digest(two, relative=False)
    assert [group.scope for group in module_groups(Drawing(network))] == [
        "stage1/attention1",
        "stage3/attention1",
    ]


def test_counts_are_the_released_ones(attention56: CompiledNetwork) -> None:
    totals = Drawing(attention56).totals
    # Read off the authors' deploy network.
    assert (totals.params, totals.macs) == (31_810_728, 6_270_836_736)


def test_one_unit_panel_a_type(make: Callable[..., CompiledNetwork]) -> None:
    network = make(
        unit="bottleneck", attention={"trunk": "preact_bottleneck", "mask": {"unit": "bottleneck"}}
    )
    titles = [group.title for group in unit_groups(Drawing(network))]
    assert titles == ["Unit: bottleneck", "Unit: pre-activation bottleneck"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (9_536, "9.54 k"), (999_960, "1.00 M"), (15_000_000, "15.0 M"),
     (809_000_000, "809 M"), (1_755_588_100_736, "1.76 T")],
)  # fmt: skip
def test_three_digits_and_a_prefix(number: int, text: str) -> None:
    assert short(number) == text


def test_units_that_differ_in_an_option_have_panels_of_their_own(
    make: Callable[..., CompiledNetwork],
) -> None:
    unit = {"type": "resnext", "groups": 1}
    network = make(
        unit="resnext",
        attention={"mask": {"unit": unit}},
        stages=[{"channels": 256, "modules": 1, "depth": 1}],
    )
    titles = [group.title for group in unit_groups(Drawing(network))]
    assert titles == ["Unit: ResNeXt, groups 32", "Unit: ResNeXt, groups 1"]


def test_a_module_group_says_what_all_of_it_costs(attention452: CompiledNetwork) -> None:
    first = module_groups(Drawing(attention452))[0]
    stage = block(attention452, "stage1")
    whole = sum(
        parameter_count(Graph("module", block(attention452, "stage1", step.name)))
        for step in stage.steps
        if step.name.startswith("attention")
    )
    assert first.note.startswith(f"6 modules, {short(whole)} parameters, ")
