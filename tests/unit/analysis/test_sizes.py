"""The sizes that are said to be valid are those that the emitted module takes."""

import time
from typing import Any

import pytest
import torch

import archcompiler
from archcompiler.analysis.sizes import ENOUGH, MOST, takes, valid_sizes

STRICT = {
    "name": "net",
    "input": [3, 48, 48],
    "classes": 2,
    "stem": {"type": "conv_pool", "channels": 8, "pool": {"ceil": False}},
    "attention": {"mask": {"pool": {"kernel": 4, "ceil": False}}},
    "stages": [{"channels": 8, "modules": 1, "depth": 2}],
}
SPATIAL = {
    "name": "net",
    "input": [3, 16, 16],
    "classes": 2,
    "stem": {"type": "conv", "channels": 8, "stride": 4},
    "attention": {"mask": {"type": "local", "activation": "spatial"}},
    "stages": [{"channels": 8, "modules": 1, "depth": 1}],
}


CIFAR = {
    "name": "net",
    "input": [3, 12, 12],
    "classes": 2,
    "stem": {"type": "conv", "channels": 8},
    "stages": [
        {"channels": 8, "modules": 1, "depth": 3},
        {"channels": 8, "stride": 2, "modules": 1, "depth": 2},
        {"channels": 8, "stride": 2, "modules": 1, "depth": 1},
    ],
}


def unit(steps: dict[str, Any], *sides: int) -> dict[str, Any]:
    """A network of one unit, a convolution and these steps."""
    conv = {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"}
    return {
        "name": "net",
        "input": [3, *sides],
        "classes": 2,
        "stem": {"type": "conv", "channels": 8},
        "stages": [{"channels": 8}],
        "unit": "own",
        "blocks": {"own": {"steps": {"conv": conv, **steps}}},
    }


PAIRS = {
    "key": {"op": "max_pool", "kernel": 2},
    "products": {"op": "dot", "from": ["conv", "key"]},
    "weights": {"op": "softmax"},
    "sums": {"op": "attend", "from": ["weights", "key"]},
}
"""Channels of the products are pixels of the key, whatever the size."""
EVEN = {
    "value": {"op": "avg_pool", "kernel": 2, "ceil": True},
    **PAIRS,
    "key": {"op": "max_pool", "kernel": 2, "from": "conv"},
    "sums": {"op": "attend", "from": ["weights", "value"]},
}
FLAT = {
    "pool": {"op": "avg_pool", "kernel": 4},
    "flat": {"op": "flatten", "size": 1},
    "weights": {"op": "conv", "channels": "c", "kernel": 1},
    "map": {"op": "interpolate", "from": ["weights", "conv"], "mode": "nearest"},
}
"""What flattens one pixel does nothing, and has to have one."""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (STRICT, "41 and more"),
        (SPATIAL, "5 and more"),
        (CIFAR, "8 and more"),
        (unit(PAIRS, 6, 6), "2 and more"),
        (unit(PAIRS, 6, 4), "2 and more"),
        (unit(EVEN, 6, 6), "2, 4, 6 and so on by 2"),
        (unit(FLAT, 6, 6), "4 to 7"),
    ],
    ids=["strict", "spatial", "cifar", "pairs", "pairs-not-square", "pairs-of-even", "flat"],
)
def test_against_torch(spec: dict[str, Any], expected: str) -> None:
    network = archcompiler.compile(spec)
    said = valid_sizes(network.graph)
    model = network.module().eval()
    taken = []
    for size in range(1, said.tried + 1):
        try:
            with torch.no_grad():
                model(torch.zeros(1, 3, size, size))
        except (RuntimeError, ValueError):
            continue
        taken.append(size)
    assert taken == [size for a, b in said.ranges for size in range(a, b + 1)]
    assert str(said) == expected


TURNED = {"turned": {"op": "transpose"}, "sum": {"op": "add", "from": ["conv", "turned"]}}
BACK = {
    "turned": {"op": "transpose"},
    "again": {"op": "transpose"},
    "sum": {"op": "add", "from": ["conv", "again"]},
}


BACK_AND_FLAT = {
    "turned": {"op": "transpose"},
    "again": {"op": "transpose"},
    **FLAT,
    "map": {"op": "interpolate", "from": ["weights", "again"], "mode": "nearest"},
}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (TURNED, "1 and more, all sides equal"),
        (BACK, "1 and more"),
        (PAIRS, "2 and more"),
        (BACK_AND_FLAT, "4 to 7"),
    ],
    ids=["turned", "turned-back", "pairs", "turned-back-and-flat"],
)
def test_sides_that_differ_against_torch(steps: dict[str, Any], expected: str) -> None:
    network = archcompiler.compile(unit(steps, 5, 5))
    said = valid_sizes(network.graph)
    assert str(said) == expected
    model = network.module().eval()
    for size in ((4, 5), (5, 4), (7, 4), (9, 2), (8, 8)):
        inside = any(a <= min(size) <= max(size) <= b for a, b in said.ranges)
        try:
            with torch.no_grad():
                model(torch.zeros(1, 3, *size))
        except RuntimeError:
            assert not inside or (said.square and len(set(size)) > 1)
            assert not takes(network.graph, size)
        else:
            assert not said.square or len(set(size)) == 1
            assert takes(network.graph, size)


def test_of_a_large_input_not_every_size_is_tried() -> None:
    network = archcompiler.compile(SPATIAL, ["input=[3, 65536, 65536]"])
    assert valid_sizes(network.graph).tried == ENOUGH
    assert str(valid_sizes(network.graph)) == "5 and more"


def test_of_a_network_that_takes_only_large_ones_so_many_are_tried() -> None:
    spec = {**CIFAR, "input": [3, 65536, 65536], "stages": [{**CIFAR["stages"][0], "depth": 14}]}
    assert str(valid_sizes(archcompiler.compile(spec).graph)) == f"none up to {MOST}"


def test_very_many_steps_are_no_reason_to_try_fewer() -> None:
    network = archcompiler.compile(SPATIAL, ["stages.0.before=19000"])
    start = time.process_time()
    assert str(valid_sizes(network.graph)) == "5 and more"
    assert time.process_time() - start < 5


def test_words() -> None:
    graph = archcompiler.compile(SPATIAL).graph
    assert str(valid_sizes(graph, 4)) == "none up to 4"
    assert str(valid_sizes(graph, 5)) == "5 and more"
