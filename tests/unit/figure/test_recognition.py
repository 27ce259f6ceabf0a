"""A module is known by its edges; what is not one of the paper's form is drawn as any scope."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from written_blocks import SQUEEZED

import archcompiler
from archcompiler import CompiledNetwork
from archcompiler.figure.contents import module_groups, part_groups, unit_groups
from archcompiler.figure.diagram import Request, draw
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.legibility import problems
from archcompiler.figure.recognition import ModuleShape, modules_in, recognise, unit_count
from archcompiler.ir import INPUT, Block, Graph, Step, fold
from archcompiler.ir.kinds import ATTENTION
from archcompiler.ops import Interpolate, Relu

Change = Callable[[Block], Block]


def module(network: CompiledNetwork, stage: int) -> ModuleShape:
    (shape,) = modules_in(block_at(network.graph.root, f"stage{stage}"))
    return shape


def block_at(root: Block, *names: str) -> Block:
    for name in names:
        body = root.step(name).body
        assert isinstance(body, Block)
        root = body
    return root


def changed(network: CompiledNetwork, change: Change) -> CompiledNetwork:
    """The network with every block changed, innermost first."""

    def rule(below: Callable[[Block], Block], block: Block) -> Block:
        steps = tuple(
            s._replace(body=below(s.body)) if isinstance(s.body, Block) else s for s in block.steps
        )
        return change(replace(block, steps=steps))

    return replace(network, graph=Graph(network.name, fold(rule)(network.graph.root)))


def renamed(block: Block) -> Block:
    if block.kind in ("network", "stage"):
        return block
    names = {step.name: f"s{i}" for i, step in enumerate(block.steps)} | {INPUT: INPUT}
    steps = tuple(
        s._replace(name=names[s.name], inputs=tuple(names[x] for x in s.inputs))
        for s in block.steps
    )
    return replace(block, steps=steps, output=names[block.output])


def without_skip_units(block: Block) -> Block:
    """Levels whose maps pass by as they are."""
    if block.name != "levels" or not any(step.name == "skip" for step in block.steps):
        return block
    steps = tuple(
        s._replace(inputs=tuple("down" if x == "skip" else x for x in s.inputs))
        for s in block.steps
        if s.name != "skip"
    )
    return replace(block, steps=steps)


def test_counts_of_the_paper(attention56: CompiledNetwork) -> None:
    for stage, depth in ((1, 3), (2, 2), (3, 1)):  # table 2: p = 1, t = 2, r = 1
        shape = module(attention56, stage)
        assert shape.pre is not None
        assert (unit_count(shape.pre), unit_count(shape.trunk), shape.r) == (1, 2, 1)
        assert len(shape.levels) == depth
        assert shape.symbol(shape.levels[-1].down) == "2r"
        assert [level.skip is None for level in shape.levels] == [False] * (depth - 1) + [True]


def test_names_of_steps_mean_nothing(attention56: CompiledNetwork) -> None:
    other = changed(attention56, renamed)
    assert len(list(modules_in(other.graph.root))) == 3
    texts = [label.text for label in draw(attention56, Request()).page.panel.all_labels()]
    assert [label.text for label in draw(other, Request()).page.panel.all_labels()] == texts


def test_a_mask_may_hand_its_maps_across(attention56: CompiledNetwork) -> None:
    other = changed(attention56, without_skip_units)
    assert all(level.skip is None for s in modules_in(other.graph.root) for level in s.levels)
    panel = draw(other, Request()).page.panel
    assert list(problems(panel)) == []
    assert not any("skip" in node.key.rpartition(".")[2] for node in panel.nodes)


def with_steps(shape: ModuleShape, change: Callable[[Step], Step], *more: Step) -> Block:
    block = shape.block
    return replace(block, steps=(*map(change, block.steps), *more))


def test_another_wiring_is_not_taken_for_the_papers(attention56: CompiledNetwork) -> None:
    shape = module(attention56, 1)
    trunk, mask, gate = shape.trunk.name, shape.mask.name, shape.gate.name

    def reads(name: str, *inputs: str) -> Callable[[Step], Step]:
        return lambda step: step._replace(inputs=inputs) if step.name == name else step

    assert recognise(with_steps(shape, lambda step: step)) is not None
    assert recognise(with_steps(shape, reads(mask, trunk))) is None, "a mask of the trunk's output"
    assert recognise(with_steps(shape, reads(mask, INPUT))) is None
    assert recognise(with_steps(shape, reads(gate, mask, trunk))) is None
    relu = Step("relu", Relu(), (trunk,), shape.trunk.type)
    assert recognise(with_steps(shape, reads(gate, "relu", mask), relu)) is None
    assert recognise(shape.mask_block) is None


def test_a_level_that_ends_elsewhere_is_not_taken_for_the_papers(
    attention56: CompiledNetwork,
) -> None:
    def elsewhere(block: Block) -> Block:
        """Every level comes up to the size of what it pooled to."""
        steps = tuple(
            s._replace(inputs=(s.inputs[0], "pool")) if isinstance(s.body, Interpolate) else s
            for s in block.steps
        )
        return replace(block, steps=steps)

    assert not list(modules_in(changed(attention56, elsewhere).graph.root))


@pytest.fixture(scope="module")
def squeezed(make: Callable[..., CompiledNetwork]) -> CompiledNetwork:
    return make(**SQUEEZED)


def test_any_module_and_part_has_a_panel(squeezed: CompiledNetwork) -> None:
    drawing = Drawing(squeezed)
    assert [group.shape is not None for group in module_groups(drawing)] == [True, False]
    assert [group.title for group in unit_groups(drawing)] == ["Unit: squeezed"]
    assert [g.title for g in part_groups(drawing)] == ["Block: squeeze", "Mask: squeeze"]
    figure = draw(squeezed, Request(level="unit"))
    assert list(problems(figure.page.panel)) == []
    titles = [label.text for label in figure.page.panel.all_labels() if label.bold]
    for title in ("Unit: squeezed", "Block: squeeze", "Mask: squeeze"):
        assert title in titles


def test_what_a_unit_does_where_the_size_changes_is_said(squeezed: CompiledNetwork) -> None:
    (group,) = unit_groups(Drawing(squeezed))
    assert group.note == "first of a stage: 1×1 projection, stride 2 where the size changes"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("res2net50", "1×1 projection, also avg pool, no sums inside"),
        ("vgg16_bn", "also max pool"),
        ("efficientnet_b0", "no skip connection"),
        ("convnext_tiny", "also 2×2 conv"),
        ("preact110", "1×1 projection"),
        ("shufflenet_v2", "3×3 conv and 1×1 conv on the shortcut, no split"),
    ],
)
def test_what_the_first_unit_of_a_stage_has_is_said_where_it_stands(name: str, words: str) -> None:
    notes = {group.note for group in unit_groups(Drawing(archcompiler.compile(name)))} - {""}
    assert notes == {f"first of a stage: {words}, stride 2 where the size changes"}


def test_the_browser_view_shows_the_inside_of_any_module(squeezed: CompiledNetwork) -> None:
    text = draw(squeezed, Request()).render("html").decode()
    attention = [path for path, b in squeezed.graph.blocks() if b.kind == ATTENTION]
    for path in (*attention, f"{attention[1]}/mask"):
        assert f'id="panel-s-{path.replace("/", "-")}"' in text


def test_a_stage_without_units_before_its_modules_opens(
    make: Callable[..., CompiledNetwork],
) -> None:
    stage: dict[str, Any] = {"channels": 64, "modules": 1, "depth": 1}
    network = make(stages=[stage, stage | {"before": 0}])
    assert 'id="panel-s-stage2"' in draw(network, Request()).render("html").decode()


@pytest.mark.parametrize(
    ("input", "words"),
    [
        ([12, 500], {"500×12", "conv 3", "max pool", "3 /2", "linear"}),
        ([1, 32, 48, 64], {"32×48×64×1", "3×3×3 conv", "3×3×3 /2", "trilinear"}),
    ],
)
def test_words_for_signals_and_volumes(
    make: Callable[..., CompiledNetwork], input: list[int], words: set[str]
) -> None:
    network = make(input=input, stem={"type": "conv_pool", "kernel": 3})
    panel = draw(network, Request()).page.panel
    assert words <= {label.text for label in panel.all_labels()}
    assert list(problems(panel)) == []
