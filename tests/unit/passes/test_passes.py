"""Graphs that no spec leads to: each is a sound one with a single thing changed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import archcompiler
from archcompiler.ir import INPUT, Block, Graph, Step, TensorType
from archcompiler.ops import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Gate,
    Interpolate,
    MaxPool,
    Operator,
    Relu,
)
from archcompiler.ops.arithmetic import Sub
from archcompiler.ops.attend import Attend, Dot
from archcompiler.ops.conv_transpose import ConvTranspose
from archcompiler.passes import run_passes

SPECS = Path(__file__).parents[3] / "specs"
X = TensorType(8, 32, 32)
SMALL = TensorType(8, 16, 16)


def found(block: Block) -> list[tuple[str, str]]:
    return [(f.code, f.message) for f in run_passes(Graph("net", block))]


def block(*steps: Step, output: str, kind: str = "block") -> Block:
    return Block(kind, X, steps, output, origin=("stages", 0))


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
            step = step._replace(body=change(step.body, rest, edit))
        steps.append(step)
    return replace(parent, steps=tuple(steps))


def with_step(name: str, **changes: object) -> Callable[[Block], Block]:
    """An edit of the step `name` of a block."""

    def edit(parent: Block) -> Block:
        steps = (s._replace(**changes) if s.name == name else s for s in parent.steps)
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


def test_steps_that_are_not_in_order() -> None:
    steps = relu("a", "b"), relu("b", INPUT), Step("sum", Add(), ("a", "b"), X)
    (finding,) = run_passes(Graph("net", block(*steps, output="sum")))
    message = "`a` reads `b`, which is written after it"
    assert (finding.code, finding.message) == ("E301", message)
    # A step that is written nowhere is told of at its block.
    assert finding.origins == (("stages", 0),)


def test_two_steps_of_one_name() -> None:
    steps = relu("a", INPUT), relu("a", INPUT)
    assert found(block(*steps, output="a")) == [("E301", "`a` is written twice")]


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


def test_of_steps_from_nowhere_the_first_is_reported() -> None:
    nowhere = Step("a", Concat(), (), X), relu("b", "a"), Step("c", Add(), ("b", INPUT), X)
    assert found(block(*nowhere, output="c")) == [("E303", "`a` does not depend on the input")]


@pytest.mark.parametrize("weights", [Conv(8, 8, 3, 1, 1), BatchNorm(8)])
@pytest.mark.parametrize("inside", [False, True])
def test_weights_whose_map_gives_its_size_alone(weights: Operator, inside: bool) -> None:
    conv = Step("conv", weights, (INPUT,), X)
    body = block(conv, relu("relu", "conv"), output="relu")
    sized = Step("inner", body, (INPUT,), X) if inside else conv
    down = Step("down", MaxPool(2, 2), (INPUT,), SMALL)
    name, size = sized.name, relu("relu", sized.name)
    up = Step("up", Interpolate(), ("down", "relu"), X)
    steps = sized, size, down, up
    wrong = ("E303", f"`{name}` has weights, but nothing reads more than the size of its map")
    assert found(block(*steps, output="up")) == [wrong]
    # Not where its values are read as well.
    both = *steps, Step("sum", Add(), ("up", "relu"), X)
    assert found(block(*both, output="sum")) == []


def test_a_size_without_weights_is_one() -> None:
    down, size = Step("down", MaxPool(2, 2), (INPUT,), SMALL), relu("relu", INPUT)
    steps = down, size, Step("up", Interpolate(), ("down", "relu"), X)
    assert found(block(*steps, output="up")) == []


@pytest.mark.parametrize("op", [Interpolate(), ConvTranspose(8, 8, 3, 2, 1)])
def test_dot_products_may_give_a_size(op: Operator) -> None:
    small = TensorType(8, 4, 4)
    down = Step("down", MaxPool(8, 8), (INPUT,), small)
    dots = Step("dots", Dot(), ("half", "half"), TensorType(64, 8, 8))
    half = Step("half", MaxPool(4, 4), (INPUT,), TensorType(8, 8, 8))
    up = Step("up", op, ("down", "dots"), TensorType(8, 8, 8))
    conv = Step("conv", Conv(8, 8, 3, 1, 1), ("up",), TensorType(8, 8, 8))
    assert found(block(down, half, dots, up, conv, output="conv")) == []
    # Their values are another matter.
    wrong = Step("wrong", Conv(64, 8, 1), ("dots",), TensorType(8, 8, 8))
    both = Step("both", Add(), ("conv", "wrong"), TensorType(8, 8, 8))
    (problem,) = found(block(down, half, dots, up, conv, wrong, both, output="both"))
    assert problem == ("E304", "`wrong` has weights for channels, and gets dot products")


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("op", [Sub(), Interpolate(), Gate(), Attend(), Dot()])
def test_an_operator_with_more_or_fewer_inputs(op: Operator, count: int) -> None:
    (wrong,) = found(block(Step("a", op, (INPUT,) * count, X), output="a"))
    assert wrong[0] == "E304"


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


def test_equal_mistakes_of_one_origin_are_reported_once() -> None:
    first = Step("a", Add(), (INPUT, "down"), X)
    second, third = (Step(n, Add(), ("a", "down"), X, origin=("x",)) for n in ("b", "c"))
    fourth = Step("d", Add(), ("b", "c"), X)
    wrong = found(block(DOWN, first, second, third, fourth, output="d"))
    assert [code for code, _ in wrong] == ["E304", "E304"]


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
    assert found(block(DOWN._replace(type=X), output="down")) == [
        ("E304", "gives 8×16×16, where the graph says 8×32×32")
    ]


def test_groups_outside_of_units() -> None:
    conv = Step("conv", Conv(8, 8, 3, padding=1, groups=3), (INPUT,), X)
    assert found(block(conv, output="conv")) == [("E305", "8 channels do not divide into 3 groups")]


def test_a_convolution_without_room() -> None:
    conv = Step("conv", Conv(8, 8, 31), (INPUT,), TensorType(8, 2, 2))
    pooled = Step("pool", MaxPool(16, 16), (INPUT,), TensorType(8, 2, 2))
    conv = conv._replace(inputs=("pool",), type=TensorType(8, 0, 0))
    assert found(block(pooled, conv, output="conv")) == [
        ("E306", "31×31 convolution does not fit into 2×2 pixels")
    ]


def net(**changes: object) -> list[tuple[str, str, str]]:
    """What is found in a small network with blocks of its own."""
    spec: dict[str, object] = {
        "name": "net",
        "input": [8, 31, 33],
        "classes": 10,
        "stem": "none",
        "unit": "own",
        "stages": [{"channels": 8, "stride": 2}],
    }
    found = archcompiler.check(spec | changes)
    return [(d.code, d.message, d.span.text if d.span else "") for d in found]


def steps(**entries: object) -> dict[str, object]:
    return {"own": {"steps": entries}}


CONV = {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"}


def test_a_unit_that_keeps_its_contract() -> None:
    assert net(blocks=steps(conv=CONV)) == []


def test_a_unit_may_round_its_sizes_down() -> None:
    patches = {**CONV, "kernel": 2, "padding": 0}
    assert net(blocks=steps(conv=patches)) == []
    assert net(blocks=steps(conv={**CONV, "kernel": 6, "padding": 0})) == [
        ("E308", "unit `own` gives 8×13×14 for 8×31×33 at stride 2, not 8×16×17", '"own"')
    ]


def test_a_unit_of_another_size_is_the_only_thing_reported() -> None:
    later = [{"channels": 8}, {"channels": 8, "unit": "bottleneck"}]
    twice = {**CONV, "stride": 2}
    assert net(blocks=steps(conv=twice), stages=later) == [
        ("E308", "unit `own` gives 8×16×17 for 8×31×33 at stride 1, not 8×31×33", '"own"')
    ]


def test_a_mask_that_does_not_come_up() -> None:
    stages = [{"channels": 8, "unit": "bottleneck", "modules": 1}]
    attention = {"trunk": "bottleneck", "mask": "own"}
    pool = {"op": "max_pool", "kernel": 3, "stride": 2}
    assert net(blocks=steps(pool=pool), stages=stages, attention=attention) == [
        ("E308", "mask `own` gives 8×15×16, which does not spread over 8×31×33", '"own"')
    ]


def test_a_head_that_gives_no_classes() -> None:
    stages = [{"channels": 8, "unit": "bottleneck"}]
    pool = {"op": "global_avg_pool"}
    assert net(blocks=steps(pool=pool), stages=stages, head="own") == [
        ("E308", "head `own` gives 8×1×1, not one number for each of 10 classes", '"own"')
    ]


def test_the_channels_that_fit_are_those_at_which_the_unit_can_be_built() -> None:
    grouped = {**CONV, "channels": "c / 3", "groups": "c / 6"}
    found = archcompiler.check(
        {
            "name": "net",
            "input": [12, 32, 32],
            "classes": 10,
            "stem": "none",
            "unit": "own",
            "blocks": steps(conv=grouped, back={**CONV, "stride": 1}),
            "stages": [{"channels": 40}],
        }
    )
    assert [(d.code, d.help) for d in found] == [
        # A sixth of them has to divide the 12 channels that come in.
        ("E307", "the nearest channels that fit: 36 and 72")
    ]


def test_the_deepest_mask_is_told_where_its_depth_is_written() -> None:
    spec = {
        "name": "net",
        "input": [3, 32, 32],
        "classes": 10,
        "stem": "conv",
        "attention": {"mask": {"depth": 7}},
        "stages": [{"channels": 64, "modules": 1, "depth": 2}],
    }
    (found,) = archcompiler.check(spec)
    assert found.span is not None
    assert (found.code, found.span.text) == ("E306", "7")
    assert found.help == "`depth = 5` is the most that this stage has pixels for"
    spec["attention"] = {"mask": {"depth": 5}}
    assert archcompiler.check(spec) == []


@pytest.mark.parametrize(
    ("name", "warns"),
    [
        *(("attention92", True), ("attention56_cifar", False), ("resnet_50", True)),
        *(("my_resnext101_32x4d", True), ("wrn_58_10", False), ("wrn_28_10", True)),
        *(("cifar100_net", False), ("net_224", False), ("tiny64", False)),
        *(("attention_32", False), ("resnet50_d", False), ("attention56", False)),
        *(("resnet56", False), ("preact56", False), ("vgg56", False), ("densenet57", True)),
    ],
)
def test_only_the_number_of_a_family_is_a_depth(name: str, warns: bool) -> None:
    found = archcompiler.check(SPECS / "attention56_cifar.toml", [f"name={name}"])
    assert [d.code for d in found] == ["W301"] * warns


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


def test_channels_at_which_a_block_would_be_too_large_do_not_fit() -> None:
    spec = {
        "name": "net",
        "input": [3, 32, 32],
        "classes": 10,
        "stem": {"type": "conv", "channels": 60},
        "unit": "own",
        "stages": [{"channels": 60}],
        "blocks": {
            "own": {
                "steps": {
                    "a": {"op": "conv", "channels": "c", "kernel": 1, "groups": 32},
                    "b": {"op": "basic", "repeat": "max(1, (c - 60) * 9000)"},
                }
            }
        },
    }
    (problem,) = archcompiler.check(spec)
    assert (problem.code, problem.help) == ("E305", "the nearest channels that fit: 32")
