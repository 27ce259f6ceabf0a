"""Graphs that no spec leads to: each is a sound one with a single thing changed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from archcompiler.blocks import UNIT, UnitConfig
from archcompiler.units.bottleneck.spec import BottleneckSpec

import archcompiler
from archcompiler.builder import BlockBuilder, NormDetails, Value
from archcompiler.ir import INPUT, Block, Graph, Step, TensorType
from archcompiler.ops import Add, Concat, Conv, Gate, Interpolate, MaxPool, Relu
from archcompiler.passes import run_passes

SPECS = Path(__file__).parents[3] / "specs"
X = TensorType(8, 32, 32)
SMALL = TensorType(8, 16, 16)


def found(block: Block) -> list[tuple[str, str]]:
    return [(f.code, f.message) for f in run_passes(Graph("net", block))]


def block(*steps: Step, output: str, kind: str = "block", config: object = None) -> Block:
    return Block(kind, config, X, steps, output, origin=("stages", 0))


def relu(name: str, source: str) -> Step:
    return Step(name, Relu(), (source,), X)


def change(parent: Block, path: str, edit: Callable[[Block], Block]) -> Block:
    """`parent` with the block at `path` below it edited."""
    if not path:
        return edit(parent)
    first, _, rest = path.partition("/")
    steps = []
    for step in parent.steps:
        if step.name == first:
            assert isinstance(step.body, Block)
            step = replace(step, body=change(step.body, rest, edit))
        steps.append(step)
    return replace(parent, steps=tuple(steps))


def with_step(name: str, **changes: object) -> Callable[[Block], Block]:
    """An edit of the step `name` of a block."""

    def edit(parent: Block) -> Block:
        steps = (replace(s, **changes) if s.name == name else s for s in parent.steps)
        return replace(parent, steps=tuple(steps))

    return edit


def without_step(name: str) -> Callable[[Block], Block]:
    return lambda parent: replace(parent, steps=tuple(s for s in parent.steps if s.name != name))


def attention56(path: str, edit: Callable[[Block], Block]) -> list[tuple[str, str, str]]:
    graph = archcompiler.compile(SPECS / "attention56.toml").graph
    broken = replace(graph, root=change(graph.root, path, edit))
    return [(f.code, f.scope, f.message) for f in run_passes(broken)]


def test_a_sound_graph_has_nothing_wrong() -> None:
    assert found(block(relu("a", INPUT), output="a")) == []


def test_the_dangling_classifier_of_the_released_attentionnext92() -> None:
    graph = archcompiler.compile(SPECS / "attentionnext92.toml").graph
    classifier = with_step("classifier", inputs=("pool5_ave",))
    broken = replace(graph, root=change(graph.root, "head", classifier))
    (finding,) = run_passes(broken)
    assert (finding.code, finding.scope) == ("E301", "head")
    assert finding.message == "`classifier` reads `pool5_ave`, which nothing writes"


def test_an_output_that_nothing_writes() -> None:
    assert found(block(relu("a", INPUT), output="b")) == [
        ("E301", "nothing writes the output, `b`")
    ]


def test_a_cycle() -> None:
    steps = relu("a", "b"), relu("b", "a"), relu("c", INPUT)
    assert found(block(*steps, output="c")) == [("E302", "a cycle: a → b → a")]


def test_a_dead_end_is_reported_where_it_ends() -> None:
    steps = relu("a", INPUT), relu("b", "a"), relu("c", "b"), relu("d", "a")
    assert found(block(*steps, output="d")) == [("E303", "`c` is computed, but nothing uses it")]


def test_a_step_from_nowhere() -> None:
    nowhere = Step("a", Concat(), (), X)
    both = Step("b", Add(), ("a", INPUT), X)
    assert found(block(nowhere, both, output="b")) == [("E303", "`a` does not depend on the input")]


def test_every_dead_end_and_dangling_input_of_all_scopes_is_reported() -> None:
    inner = block(relu("a", "gone"), output="a")
    steps = Step("inner", inner, (INPUT,), X), relu("b", INPUT)
    assert [code for code, _ in found(block(*steps, output="inner"))] == ["E303", "E301"]


DOWN = Step("down", Conv(8, 8, 3, 2, 1), (INPUT,), SMALL)


@pytest.mark.parametrize("join", [Add(), Gate(), Concat()], ids=lambda op: op.kind)
def test_a_join_of_different_sizes(join: Add | Gate | Concat) -> None:
    type_ = TensorType(16, 32, 32) if isinstance(join, Concat) else X
    (finding,) = found(block(DOWN, Step("join", join, (INPUT, "down"), type_), output="join"))
    assert finding[0] == "E304"
    assert finding[1].endswith("but gets 8×32×32 and 8×16×16")


def test_a_convolution_of_other_channels() -> None:
    conv = Step("conv", Conv(16, 8, 1), (INPUT,), X)
    assert found(block(conv, output="conv")) == [
        ("E304", "convolution expects 16 channels, but gets 8")
    ]


def test_a_block_that_expects_another_shape() -> None:
    inner = block(relu("a", INPUT), output="a")
    steps = DOWN, Step("inner", inner, ("down",), X)
    assert found(block(*steps, output="inner")) == [("E304", "expects 8×32×32, but gets 8×16×16")]


def test_a_stated_shape_that_is_not_the_computed_one() -> None:
    assert found(block(replace(DOWN, type=X), output="down")) == [
        ("E304", "gives 8×16×16, where the graph says 8×32×32")
    ]


def test_groups_outside_of_units() -> None:
    conv = Step("conv", Conv(8, 8, 3, padding=1, groups=3), (INPUT,), X)
    assert found(block(conv, output="conv")) == [("E305", "8 channels do not divide into 3 groups")]


def test_a_convolution_without_room() -> None:
    conv = Step("conv", Conv(8, 8, 31), (INPUT,), TensorType(8, 2, 2))
    pooled = Step("pool", MaxPool(16, 16), (INPUT,), TensorType(8, 2, 2))
    conv = replace(conv, inputs=("pool",), type=TensorType(8, 0, 0))
    assert found(block(pooled, conv, output="conv")) == [
        ("E306", "31×31 convolution does not fit into 2×2 pixels")
    ]


def unit(lower: Callable[[BlockBuilder], Value], stride: int = 1, x: TensorType = X) -> Block:
    config = UnitConfig(BottleneckSpec(), 8, 8, stride)
    builder = BlockBuilder(UNIT, config, x, norm=NormDetails(), origin=("stages", 0, "unit"))
    return builder.build(lower(builder))


def test_a_unit_that_keeps_its_contract() -> None:
    odd = TensorType(8, 31, 33)
    assert found(unit(lambda b: b.conv("conv", b.x, 8, 3, stride=2), 2, odd)) == []


def test_a_unit_of_another_size_is_the_only_thing_reported() -> None:
    halved = unit(lambda b: b.conv("conv", b.x, 8, 3, stride=2))
    steps = Step("unit", halved, (INPUT,), SMALL), Step("add", Add(), (INPUT, "unit"), X)
    assert found(block(*steps, output="add")) == [
        ("E308", "unit type `bottleneck` gives 8×16×16 for 8×32×32 at stride 1, not 8×32×32")
    ]


LEVEL = "stage1/attention1/mask/hourglass"


def test_a_mask_that_pools_and_does_not_come_up() -> None:
    def forget(level: Block) -> Block:
        return replace(without_step("interpolate")(level), output="up")

    assert attention56(LEVEL, forget) == [
        ("E309", LEVEL, "a level of a mask with pools: 1, interpolations: 0")
    ]


def test_a_mask_that_comes_up_to_another_map() -> None:
    wrong = with_step("interpolate", inputs=("up", "pool"))
    assert attention56(f"{LEVEL}/inner", wrong) == [
        (
            "E311",
            f"{LEVEL}/inner",
            "the mask goes down from `x`, but comes up to the size of `pool`",
        )
    ]


def test_a_mask_that_comes_up_to_a_map_that_is_not_there() -> None:
    wrong = with_step("interpolate", inputs=("up", "trunk"))
    assert attention56(LEVEL, wrong) == [
        ("E301", LEVEL, "`interpolate` reads `trunk`, which nothing writes")
    ]


def test_a_mask_that_interpolates_twice() -> None:
    def twice(level: Block) -> Block:
        again = Step("again", Interpolate(), ("interpolate", INPUT), level.input)
        return replace(level, steps=(*level.steps, again), output="again")

    (finding,) = attention56(LEVEL, twice)
    assert finding[0] == "E309"


def test_a_finding_points_at_the_first_origin_that_is_written() -> None:
    found = archcompiler.check(
        {
            "name": "net",
            "input": [3, 32, 32],
            "classes": 10,
            "stem": {"type": "conv"},
            "attention": {"trunk": {"type": "resnext", "groups": 24}},
            "stages": [{"channels": 64, "modules": 1, "depth": 1, "unit": "resnext"}],
        }
    )
    assert [(d.code, d.span.text) for d in found if d.span] == [("E305", "24")]
