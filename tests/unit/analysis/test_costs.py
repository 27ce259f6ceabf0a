"""Costs against the released networks, torch's counter and what sums have to be."""

from __future__ import annotations

import time
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from strategies import small_specs
from torch.utils.flop_counter import FlopCounterMode

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.total import Cost
from archcompiler.tables.report import Report, View

RELEASED = {
    "attention56": (31_810_728, 6_270_836_736, 56),
    "attention92": (52_466_344, 10_533_789_696, 92),
    "attentionnext56": (31_318_824, 6_419_106_816, 56),
    "attentionnext92": (52_102_952, 10_704_337_920, 92),
}

ONE_UNIT = {
    "name": "net",
    "input": [3, 8, 6],
    "classes": 5,
    "stem": {"type": "conv", "channels": 4, "kernel": 5, "stride": 2},
    "unit": {"type": "preact_bottleneck", "reduction": 1},
    "stages": [{"channels": 4}],
}
"""A 5×5 convolution, one unit of 1×1, 3×3 and 1×1 on four channels, the head."""


def costs(spec: Any, *settings: str) -> Cost:
    return network_cost(archcompiler.compile(spec, settings).graph)


@pytest.mark.parametrize("name", RELEASED)
def test_the_released_networks(name: str) -> None:
    network = archcompiler.compile(f"specs/{name}.toml")
    report = Report(network, network.graph)
    assert (report.cost.params, report.cost.macs, report.trunk_depth) == RELEASED[name]
    assert report.cost.flops == 2 * RELEASED[name][1]


def test_resnet_50() -> None:
    # torchvision's weights: 25,557,032 parameters and 4.089 GMACs at 224×224.
    cost = costs("specs/baselines/resnet50.toml")
    assert (cost.params, cost.macs) == (25_557_032, 4_089_184_256)


def test_a_network_counted_by_hand() -> None:
    cost = costs(ONE_UNIT)
    pixels = 4 * 3
    weights = 4 * 3 * 25 + 4 * 4 * (1 + 9 + 1)
    assert cost.macs == weights * pixels + 4 * 5
    assert cost.params == weights + 4 * (2 * 4) + (4 * 5 + 5)
    assert cost.buffers == 4 * (2 * 4 + 1)
    assert cost.activations == 4 * 4 * pixels + 5
    assert cost.fvcore_flops == cost.macs + 2 * 4 * 4 * pixels + 4 * pixels
    # Four BN, four ReLU, one sum, and what the pooling reads.
    assert cost.elements == 10 * 4 * pixels


WITHOUT_WEIGHTS = {
    "name": "net",
    "input": [3, 12, 12],
    "classes": 4,
    "stem": "none",
    "stages": [{"channels": 8, "before": 2}],
    "unit": "mixed",
    "blocks": {
        "mixed": {
            "steps": {
                "blur": {"op": "blur_pool", "stride": 1},
                "query": {"op": "conv", "channels": "cin", "kernel": 1},
                "products": {"op": "dot", "from": ["query", "blur"]},
                "weights": {"op": "softmax"},
                "sums": {"op": "attend", "from": ["weights", "query"]},
                "conv": {"op": "conv", "channels": "c", "kernel": 3},
                "pool": {"op": "global_avg_pool"},
                "gate": {"op": "channel_conv"},
                "product": {"op": "mul", "from": ["conv", "gate"]},
            }
        }
    },
}
"""Products of maps with fixed numbers, and with one another; of the first some have no gradient."""


@pytest.mark.parametrize(
    "spec",
    ["specs/attention56_cifar_naive.toml", "nonlocal_resnet50", WITHOUT_WEIGHTS],
    ids=["trunk-and-mask", "nonlocal", "without-weights"],
)
def test_a_training_step_is_what_torch_counts(spec: Any) -> None:
    network = archcompiler.compile(spec)
    module = network.module().to("meta").train()
    x = network.graph.input
    with FlopCounterMode(display=False) as counter:
        module(torch.empty(1, x.channels, *x.size, device="meta")).sum().backward()
    assert 2 * network_cost(network.graph).train_macs == counter.get_total_flops()


@given(small_specs())
def test_the_rows_of_every_view_add_up_to_the_network(spec: dict[str, Any]) -> None:
    network = archcompiler.compile(spec)
    whole = costs(spec)
    for view in get_args(View):
        rows = Report(network, network.graph, view, depth=3).rows
        top = [row.cost for row in rows if row.level == (0 if view == "network" else 1)]
        assert sum(top, Cost()) == whole, view


@given(small_specs())
def test_sums_over_blocks_are_sums_over_operators(spec: dict[str, Any]) -> None:
    graph = archcompiler.compile(spec).graph
    types = {"x": graph.input} | {node.path: node.type for node in graph.nodes()}
    work = [
        node.op.work(tuple(types[name] for name in node.inputs), node.type)
        for node in graph.nodes()
    ]
    cost = network_cost(graph)
    assert cost.operators == len(work)
    for quantity in ("macs", "fvcore_flops", "elements", "activations"):
        assert getattr(cost, quantity) == sum(getattr(w, quantity) for w in work)


def test_equal_modules_are_costed_once() -> None:
    def seconds(modules: int) -> float:
        network = archcompiler.compile(
            "specs/attention92_cifar.toml", [f"stages.1.modules={modules}"]
        )
        start = time.perf_counter()
        network_cost(network.graph)
        return time.perf_counter() - start

    assert min(seconds(2_000) for _ in range(3)) < 1
    base, one = costs("specs/attention92_cifar.toml"), "specs/attention92_cifar.toml"
    more = [costs(one, f"stages.1.modules={n}") for n in (3, 4)]
    assert more[1].macs - more[0].macs == more[0].macs - base.macs
