"""The peak of a step on several processes against what torch's trackers see of one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from saved_tensors import in_order
from shipped import EVERY_SPEC
from tiny import tiny_spec
from torch.distributed._tools.fsdp2_mem_tracker import FSDPMemTracker
from torch.distributed._tools.mem_tracker import MemTracker
from torch.testing._internal.distributed.fake_pg import FakeStore

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.peak import step_memory
from archcompiler.analysis.state_memory import state_memory
from archcompiler.runner.system.distributed import World, distribute
from archcompiler.shipped import specs

PROCESSES = 4
FEW = ("attention56_cifar", "resnet18")
"""FSDPMemTracker takes seconds of each; EVERY_SPEC=1 has all that are shipped."""
WITHIN = 0.02 if EVERY_SPEC else 0.01
"""A conditional projection is computed first and counted in its place: of few images and large
blocks its gradient shows."""


@pytest.fixture
def world() -> Iterator[World]:
    """The first of several processes; the others are not there, and what they send is nothing."""
    dist.init_process_group("fake", rank=0, world_size=PROCESSES, store=FakeStore())
    threads = torch.get_num_threads()
    # On one thread 3-D convolutions have kernels of their own, that hand gradients on as they are.
    torch.set_num_threads(2)
    yield World(0, PROCESSES)
    torch.set_num_threads(threads)
    dist.destroy_process_group()
    gc.collect()  # trackers and models know each other


def seen(network: archcompiler.CompiledNetwork, world: World, images: int, **options: Any) -> int:
    """Bytes at the highest moment of a forward and backward pass."""
    module = network.module(**options).train()
    model = distribute(module, world, "fully_shard", torch.device("cpu"))
    x = in_order(torch.randn(images, *network.spec.input), module)
    labels = torch.zeros(images, dtype=torch.long)
    tracker = FSDPMemTracker(model)
    tracker.track_inputs((x, labels))
    with tracker:
        F.cross_entropy(model(x).reshape(images, -1), labels).backward()
    (found,) = tracker.get_tracker_snapshot("peak").values()
    return found["Total"]


@pytest.mark.parametrize(
    ("name", "checkpointing"),
    [
        ("attention56_cifar", True),
        *((name, False) for name in (specs() if EVERY_SPEC else FEW)),
    ],
)
def test_the_peak_that_torch_sees_of_shards(world: World, name: str, checkpointing: bool) -> None:
    network = archcompiler.compile(name)
    images = 2
    found = seen(network, world, images, checkpointing=checkpointing)
    cost = network_cost(network.graph)
    state = state_memory(cost, averages=0, average=False, shards=PROCESSES)
    image = 4 * network.graph.input.numel + 8
    options = {"shards": PROCESSES, "in_place": False}
    step = step_memory(network.graph, checkpointing=checkpointing, **options)
    foreseen = state.total + images * image + step.peak(images)
    assert foreseen == pytest.approx(found, rel=WITHIN)


@pytest.mark.parametrize(("kernel", "classes"), [(1, 10), (3, 10), (1, 4000)])
def test_the_peak_of_many_weights_and_few_pixels(world: World, kernel: int, classes: int) -> None:
    """The gradient of a convolution of more than one pixel comes in the order of the maps. Many
    classes have most of the weights in no block.
    """
    conv = {"op": "conv", "channels": "c", "kernel": kernel, "stride": "stride"}
    stage = {"channels": 720 // kernel, "before": 3}
    blocks = {"one": {"steps": {"conv": conv}}}
    spec = tiny_spec(stage, input=[3, 4, 4], unit="one", blocks=blocks, classes=classes)
    network = archcompiler.compile(spec)
    state = state_memory(network_cost(network.graph), averages=0, average=False, shards=PROCESSES)
    image = 4 * network.graph.input.numel + 8
    foreseen = step_memory(network.graph, shards=PROCESSES, in_place=False).peak(2)
    found = seen(network, world, 2)
    assert state.total + 2 * image + foreseen == pytest.approx(found, rel=WITHIN)


def test_logits_that_are_a_view_are_not_warned_of(world: World) -> None:
    """A warning of torch, which is an error in tests, advises what no network needs."""
    network = archcompiler.compile(tiny_spec({"channels": 16}, head={"type": "conv"}))
    assert seen(network, world, 2) > 0


@pytest.fixture
def alone() -> Iterator[World]:
    """The first of several processes, which has nobody to exchange gradients with."""
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield World(0, PROCESSES)
    dist.destroy_process_group()
    gc.collect()


@pytest.mark.filterwarnings("ignore:Grad strides do not match bucket view strides")
@pytest.mark.parametrize("name", specs() if EVERY_SPEC else FEW)
def test_the_peak_that_torch_sees_of_ddp(alone: World, name: str) -> None:
    """Its buckets are settled after a step; from the next one on they are there."""
    network = archcompiler.compile(name)
    images = 3
    module = network.module(checkpointing=False).train()
    model = distribute(module, alone, "ddp", torch.device("cpu"))
    x = in_order(torch.randn(images, *network.spec.input), module)
    labels = torch.zeros(images, dtype=torch.long)

    def step() -> None:
        F.cross_entropy(model(x).reshape(images, -1), labels).backward()

    step()
    model.zero_grad()
    step()
    tracker = MemTracker()
    tracker.track_external(model, x, labels)
    with tracker:
        step()
    (found,) = tracker.get_tracker_snapshot("peak").values()
    # The tracker's hooks hold on to parameters: with all that are shipped, to gigabytes.
    for parameter in module.parameters():
        parameter.data, parameter.grad = torch.empty(0), None
    state = state_memory(network_cost(network.graph), averages=0, average=False, shards=1)
    image = 4 * network.graph.input.numel + 8
    there = step_memory(network.graph, accumulated=True, in_place=False)
    foreseen = state.total + images * image + there.peak(images)
    assert foreseen == pytest.approx(found["Total"], rel=0.01)


def test_what_is_whole_comes_and_goes() -> None:
    graph = archcompiler.compile(tiny_spec({"channels": 64, "before": 3})).graph
    plain, quarter = step_memory(graph), step_memory(graph, shards=4)
    assert all(moment.gathered == 0 for moment in plain.moments)
    assert quarter.forward == plain.forward
    assert min(moment.gathered for moment in quarter.moments) > 0, "what is in no block"
