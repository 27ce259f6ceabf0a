"""The least time of a step: sums of rooflines, between the bounds of the whole network."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny import tiny_spec

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.roofline import Accelerator, accelerator
from archcompiler.analysis.step_time import again_seconds, forward_seconds, training_seconds

MACHINE = Accelerator("machine", "", 4e14, 1e14, 1e12, 80, "")


def test_a_forward_pass_by_hand() -> None:
    """Two images; BN and ReLU are bound by their traffic, a convolution by either."""
    relu = {"steps": {"act": {"op": "act"}}}
    spec = tiny_spec(
        {"channels": 64, "unit": "only_relu", "before": 1},
        stem={"type": "conv", "channels": 64},
        head={"type": "none"},
        blocks={"only_relu": relu},
    )
    graph = archcompiler.compile(spec).graph
    image, map = 3 * 32 * 32, 64 * 32 * 32
    weights = 64 * 27
    conv_bytes, norm_bytes, relu_bytes = (image + map) * 2, map * 4, map * 4
    norm_weights = 2 * 64 + 2 * 64
    slow = replace(MACHINE, single=1e9)
    for machine in (MACHINE, slow):
        conv = max(
            2 * 2 * weights * 32 * 32 / machine.single,
            4 * (conv_bytes + weights) / machine.bandwidth,
        )
        rest = 4 * (norm_bytes + norm_weights + 2 * relu_bytes) / machine.bandwidth
        found = forward_seconds(graph, machine, "single", 2)
        assert found == pytest.approx(conv + rest, rel=0.02)
    assert conv > rest


@pytest.mark.parametrize("name", ["attention56", "attention452", "attention56_ecg"])
def test_a_step_lies_between_its_bounds(name: str) -> None:
    graph = archcompiler.compile(name).graph
    cost = network_cost(graph)
    endless = float("inf")
    for images in (1, 64):
        moved = cost.train_map_bytes * images + 3 * cost.param_bytes
        arithmetic = training_seconds(graph, replace(MACHINE, bandwidth=endless), "single", images)
        traffic = training_seconds(graph, replace(MACHINE, single=endless), "single", images)
        assert arithmetic == pytest.approx(2 * cost.train_macs * images / 1e14)
        assert traffic == pytest.approx(moved / 1e12)
        forward = forward_seconds(graph, replace(MACHINE, single=endless), "single", images)
        assert forward == pytest.approx((cost.map_bytes * images + cost.param_bytes) / 1e12)
        forward = forward_seconds(graph, replace(MACHINE, bandwidth=endless), "single", images)
        assert forward == pytest.approx(2 * cost.macs * images / 1e14)
        both = training_seconds(graph, MACHINE, "single", images)
        assert max(arithmetic, traffic) * (1 - 1e-9) <= both <= arithmetic + traffic
        assert forward_seconds(graph, MACHINE, "single", images) < both / 2
        # Four times the rate and half the bytes.
        half = training_seconds(graph, MACHINE, "half", images)
        assert both / 4 < half < both


def test_what_is_made_again_takes_time() -> None:
    network = archcompiler.compile("attention56_cifar")
    h100 = accelerator("h100")
    times = []
    for share in (0.75, 0.3, 0.12):
        plan = network.recomputing(share).plan
        assert plan is not None
        times.append(again_seconds(plan, h100, "half", 64))
        # Of two bytes each element, read and written.
        moved = 64 * plan.elements * (2 + 2)
        computed = 64 * 2 * plan.macs / h100.half
        assert times[-1] == pytest.approx(computed + moved / h100.bandwidth)
    assert 0 < times[0] < times[1] < times[2]
    assert times[2] < 1.2 * forward_seconds(network.graph, h100, "half", 64)
