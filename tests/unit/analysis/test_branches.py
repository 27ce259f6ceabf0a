"""A mask is what the edges say it is, whatever its scopes and steps are called."""

from archcompiler.analysis.branches import beside_trunk, has_mask
from archcompiler.analysis.costs import CostModel
from archcompiler.analysis.depth import trunk_depth
from archcompiler.analysis.receptive_field import ReceptiveField
from archcompiler.builder import BlockBuilder, Value
from archcompiler.ir import Block, Graph, TensorType, fold
from archcompiler.ir.kinds import HEAD, NETWORK, STEM, UNIT
from archcompiler.ops import Add, Conv, Gate, GlobalAvgPool, Linear, Mul, Relu, Sigmoid

WIDTH, SQUEEZED = 16, 4


def conv(block: BlockBuilder, name: str, x: Value, channels: int, kernel: int) -> Value:
    op = Conv.make((x.type.channels,), 2, channels=channels, kernel=kernel)
    return block.add(name, op, x)


def excite(x: TensorType) -> Block:
    block = BlockBuilder("block", x)
    y = block.add("average", GlobalAvgPool(), block.x)
    y = block.add("down", Conv(WIDTH, SQUEEZED, 1, bias=True), y)
    y = block.add("up", Conv(SQUEEZED, WIDTH, 1, bias=True), block.add("relu", Relu(), y))
    return block.build(block.add("weights", Sigmoid(), y))


def unit(x: TensorType, *, squeeze: bool) -> Block:
    """Two 3×3 convolutions and a shortcut; the branch is weighed by `excite` of it."""
    block = BlockBuilder(UNIT, x)
    y = conv(block, "a", block.x, WIDTH, 3)
    y = conv(block, "b", y, WIDTH, 3)
    if squeeze:
        y = block.add("scale", Mul(), y, block.add("what", excite(y.type), y))
    return block.build(block.add("sum", Add(), y, block.x))


def network(*, squeeze: bool) -> Graph:
    stem = BlockBuilder(STEM, TensorType(3, 24, 24))
    stem_block = stem.build(conv(stem, "conv", stem.x, WIDTH, 3))
    middle = unit(stem_block.output_type, squeeze=squeeze)
    head = BlockBuilder(HEAD, middle.output_type)
    pooled = head.add("pool", GlobalAvgPool(), head.x)
    head_block = head.build(head.add("classifier", Linear(WIDTH, 10), pooled))
    root = BlockBuilder(NETWORK, stem_block.input)
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
    block = BlockBuilder("block", TensorType(WIDTH, 8, 8))
    shared = conv(block, "shared", block.x, WIDTH, 3)
    mask = block.add("sigmoid", Sigmoid(), conv(block, "conv", shared, WIDTH, 1))
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
    trunk = ReceptiveField(network(squeeze=True), masks=False).network(0, "unit2")
    assert trunk.size == 15
    assert ReceptiveField(network(squeeze=False)).network(0, "unit2").size == 15
    assert ReceptiveField(network(squeeze=True)).network(0, "unit2").size > 24
