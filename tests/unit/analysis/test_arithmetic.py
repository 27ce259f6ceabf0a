"""The small sums of `analysis`: figures by hand, for round networks and machines."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import pytest
from tiny import tiny_spec

import archcompiler
from archcompiler.analysis.costs import CostModel
from archcompiler.analysis.receptive_field import ReceptiveField
from archcompiler.analysis.roofline import Accelerator, roofline
from archcompiler.analysis.sizes import ValidSizes, takes, valid_sizes
from archcompiler.analysis.state_memory import StateMemory, state_memory
from archcompiler.analysis.total import Cost
from archcompiler.ir import TensorType
from archcompiler.ops.join import Add, Maximum
from archcompiler.ops.registry import operators
from archcompiler.ops.resize import Interpolate

MACHINE = Accelerator("m", "M", half=400e12, single=100e12, bandwidth=1e12, memory=80, source="")


def test_sizes_in_words() -> None:
    assert str(ValidSizes((), 64)) == "none up to 64"
    assert str(ValidSizes(((3, 3), (5, 8)), 64)) == "3, 5 to 8"
    assert str(ValidSizes(((3, 3), (8, 64)), 64)) == "3, 8 and more"
    assert str(ValidSizes(((64, 64),), 64)) == "64 and more"


def test_one_size_is_taken_or_not() -> None:
    graph = archcompiler.compile("attention56").graph
    smallest = valid_sizes(graph).ranges[-1][0]
    assert takes(graph, (smallest, 224))
    assert not takes(graph, (smallest - 1, 224))
    assert not takes(graph, (224, smallest - 1))


def test_a_roofline_by_hand() -> None:
    # 1e9 MACs are 2e9 FLOP; 1e7 bytes of float32 are half of that in 16 bits.
    cost = Cost(macs=10**9, train_macs=3 * 10**9, param_bytes=10**6, map_bytes=9 * 10**6,
                train_map_bytes=4 * 10**7)  # fmt: skip
    single, half = roofline(cost, MACHINE, "single"), roofline(cost, MACHINE, "half")
    assert MACHINE.peak("single") == 100e12
    assert MACHINE.peak("half") == 400e12
    assert (MACHINE.ridge("single"), MACHINE.ridge("half")) == (100, 400)
    assert (single.intensity, half.intensity) == pytest.approx((200, 400))
    assert (single.bound, half.bound) == ("arithmetic", "arithmetic")
    assert single.inference_s == pytest.approx(max(2e9 / 100e12, 1e7 / 1e12))
    assert half.inference_s == pytest.approx(max(2e9 / 400e12, 5e6 / 1e12))
    # Forward and backward pass: 6e9 FLOP; 4e7 bytes of maps, and 1e6 of weights three times.
    assert single.training_s == pytest.approx(max(6e9 / 100e12, 4.3e7 / 1e12))
    assert half.training_s == pytest.approx(max(6e9 / 400e12, 2.15e7 / 1e12))
    few = roofline(Cost(macs=10**8, map_bytes=10**7), MACHINE, "single")
    assert few.bound == "memory"
    assert few.inference_s == pytest.approx(1e-5)


def test_a_state_by_hand() -> None:
    cost = Cost(params=1001, buffers=10)
    # A quarter of 1,001 parameters, rounded up, is 251.
    shard = state_memory(cost, averages=2, average=True, shards=4)
    assert shard == StateMemory(1004 + 40, 2008, 1044)
    assert shard.total == 1044 + 2008 + 1044
    assert state_memory(cost, averages=0, average=False) == StateMemory(4004 + 40, 0, 0)


@pytest.mark.parametrize("scale", [2, (3, 2), (1, 4)])
def test_a_step_of_an_upsampled_map(scale: int | tuple[int, int]) -> None:
    op = operators()["upsample"].make((4,), 2, scale=scale)
    x = TensorType(4, 6, 6)
    y = op.shape((x,))
    steps = [op.step(x.size[axis], y.size[axis], axis) for axis in range(2)]
    assert steps == [Fraction(a, b) for a, b in zip(x.size, y.size, strict=True)]
    assert prod(y.size) * prod(steps) == x.pixels


SPATIAL = {
    "conv": {"op": "conv", "channels": "c", "kernel": 1},
    "norm": {"op": "spatial_norm"},
}


def test_what_a_step_of_training_moves() -> None:
    """By hand: forward and backward pass each read and write, and what was kept is read again."""
    graph = archcompiler.compile(tiny_spec({"channels": 16, "before": 2})).graph
    cells = CostModel(graph).network
    assert {kind.op for kind in cells} == {node.op.kind for node in graph.nodes()}
    summed: dict[str, Cost] = {}
    for kind, cost in cells.items():
        summed[kind.op] = summed.get(kind.op, Cost()) + cost
    # An activation reads a map and writes one; it keeps the second. A sum keeps nothing.
    relu, add = summed["relu"], summed["add"]
    assert relu.map_bytes == 4 * 2 * relu.elements
    assert relu.train_map_bytes == 4 * (2 * 2 + 1) * relu.elements
    assert add.map_bytes == 4 * 3 * add.elements
    assert add.train_map_bytes == 4 * 2 * 3 * add.elements
    # A norm of maps keeps what it reads as a copy, and two numbers of each of the 16 channels.
    norm = tiny_spec({"channels": 16}, unit="own", blocks={"own": {"steps": SPATIAL}})
    (spatial,) = (
        cost
        for kind, cost in CostModel(archcompiler.compile(norm).graph).network.items()
        if kind.op == "spatial_norm"
    )
    assert spatial.map_bytes == 4 * 2 * spatial.elements
    assert spatial.train_map_bytes == 4 * (2 * 2 + 1) * spatial.elements + 4 * 2 * 16


def test_elements_of_joined_maps() -> None:
    x, small = TensorType(4, 6, 5), TensorType(4, 3, 2)
    assert Add().work((x, x, x), x).elements == 2 * x.numel
    assert Maximum().work((x, x, x), x).elements == 2 * x.numel
    # A map that gives its size alone is not read.
    assert Interpolate().moved((small, x), x) == small.numel + x.numel


def test_attention_over_positions_sees_all_of_them() -> None:
    attend = {
        "weights": {"op": "dot", "from": ["x", "x"]},
        "softmax": {"op": "softmax"},
        "attend": {"op": "attend", "from": ["softmax", "x"]},
        "conv": {"op": "conv", "channels": "c", "kernel": 1},
    }
    spec = tiny_spec({"channels": 16}, unit="own", blocks={"own": {"steps": attend}})
    graph = archcompiler.compile(spec).graph
    seen = ReceptiveField(graph, clip=True).network(0, "stage1")
    assert (seen.first, seen.last, seen.step) == ([0] * 32, [31] * 32, 1)
    # The convolution of the stem hangs over either edge by one.
    beyond = ReceptiveField(graph).network(0, "stage1")
    assert (set(beyond.first), set(beyond.last)) == ({-1}, {32})
