"""A mask is what the edges say it is, whatever its scopes and steps are called."""

from archcompiler.analysis.branches import beside_trunk, has_mask
from archcompiler.analysis.costs import CostModel
from archcompiler.analysis.depth import trunk_depth
from archcompiler.analysis.receptive_field import ReceptiveField
from archcompiler.blocks import HEAD, NETWORK, STEM, UNIT
from archcompiler.builder import BlockBuilder, NormDetails, Value
from archcompiler.ir import Block, Graph, TensorType, fold
from archcompiler.ops import Add, Conv, Gate, GlobalAvgPool, Linear, Operator, Relu, Sigmoid
from archcompiler.ops.cost import Saved, Work

WIDTH, SQUEEZED = 16, 4


class Scale(Operator):
    """Each channel by its weight, as squeeze and excitation does."""

    kind = "scale"

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        return inputs[0]

    def roles(self, count: int) -> tuple[str, ...]:
        return ("data", "mask")

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0, 1))

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        return position, position


def builder(kind: str, x: TensorType) -> BlockBuilder:
    return BlockBuilder(kind, None, x, norm=NormDetails())


def excite(x: TensorType) -> Block:
    block = builder("block", x)
    y = block.add("average", GlobalAvgPool(), block.x)
    y = block.add("down", Conv(WIDTH, SQUEEZED, 1, bias=True), y)
    y = block.add("up", Conv(SQUEEZED, WIDTH, 1, bias=True), block.add("relu", Relu(), y))
    return block.build(block.add("weights", Sigmoid(), y))


def unit(x: TensorType, *, squeeze: bool) -> Block:
    """Two 3×3 convolutions and a shortcut; the branch is weighed by `excite` of it."""
    block = builder(UNIT, x)
    y = block.conv("a", block.x, WIDTH, 3)
    y = block.conv("b", y, WIDTH, 3)
    if squeeze:
        y = block.add("scale", Scale(), y, block.add("what", excite(y.type), y))
    return block.build(block.add("sum", Add(), y, block.x))


def network(*, squeeze: bool) -> Graph:
    stem = builder(STEM, TensorType(3, 24, 24))
    stem_block = stem.build(stem.conv("conv", stem.x, WIDTH, 3))
    middle = unit(stem_block.output_type, squeeze=squeeze)
    head = builder(HEAD, middle.output_type)
    pooled = head.add("pool", GlobalAvgPool(), head.x)
    head_block = head.build(head.add("classifier", Linear(WIDTH, 10), pooled))
    root = builder(NETWORK, stem_block.input)
    y: Value = root.add("stem", stem_block, root.x)
    for i in range(3):
        y = root.add(f"unit{i}", middle, y)
    return Graph("squeezed", root.build(root.add("head", head_block, y)))


def test_what_squeezes_is_beside_the_trunk() -> None:
    body = unit(TensorType(WIDTH, 8, 8), squeeze=True)
    assert beside_trunk(body) == {"what"}
    assert fold(has_mask)(network(squeeze=True).root)
    assert not fold(has_mask)(network(squeeze=False).root)


def test_what_the_trunk_reads_too_is_not_beside_it() -> None:
    block = builder("block", TensorType(WIDTH, 8, 8))
    shared = block.conv("shared", block.x, WIDTH, 3)
    mask = block.add("sigmoid", Sigmoid(), block.conv("conv", shared, WIDTH, 1))
    body = block.build(block.add("gate", Gate(), shared, mask))
    assert beside_trunk(body) == {"conv", "sigmoid"}


def test_squeezing_does_not_make_a_network_deeper() -> None:
    # A convolution in the stem, two in each of three units, and the classifier.
    assert trunk_depth(network(squeeze=False)) == trunk_depth(network(squeeze=True)) == 8


def test_costs_of_what_squeezes_stand_under_the_mask() -> None:
    def parameters(graph: Graph, branch: str) -> int:
        cells = CostModel(graph).network
        return sum(cost.params for kind, cost in cells.items() if kind.branch == branch)

    with_mask, without = network(squeeze=True), network(squeeze=False)
    weights = WIDTH * SQUEEZED + SQUEEZED + SQUEEZED * WIDTH + WIDTH
    assert parameters(with_mask, "mask") == 3 * weights
    assert parameters(without, "mask") == 0
    for branch in ("stem", "trunk", "head"):
        assert parameters(with_mask, branch) == parameters(without, branch)


def test_the_receptive_field_of_the_trunk_is_that_without_masks() -> None:
    # Seven 3×3 convolutions; the average sees the whole image.
    trunk = ReceptiveField(network(squeeze=True), masks=False).network("height", "unit2")
    assert trunk.size == 15
    assert ReceptiveField(network(squeeze=False)).network("height", "unit2").size == 15
    assert ReceptiveField(network(squeeze=True)).network("height", "unit2").size > 24
