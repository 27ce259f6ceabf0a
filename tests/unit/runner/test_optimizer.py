"""The optimizer and the moving average against what they should compute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from unit.runner.jobs import Jobs

from archcompiler.runner.data.embedded import read_embedded
from archcompiler.runner.data.randomness import Stream, word
from archcompiler.runner.data.validation import divide
from archcompiler.runner.engine.optimizer import make_optimizer
from archcompiler.runner.recipe.model import Sgd
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.checkpoint import read
from archcompiler.runner.training import train

GPU = torch.device("cuda")
"""Asks for the fused kernel, which the CPU has too."""
HOW = Sgd(lr=0.1, weight_decay=0.01)


@pytest.fixture
def one_process() -> Iterator[None]:
    """A process group of this process alone."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))


def _losses(network: nn.Module, device: torch.device) -> list[float]:
    optimizer = make_optimizer(network, HOW, device)
    found = []
    for _ in range(3):
        loss = network(torch.ones(2, 3, 3, 3)).square().sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        found.append(loss.item())
    return found


def test_shards_can_be_stepped_on_a_gpu(one_process: None) -> None:
    expected = _losses(_network(), torch.device("cpu"))
    sharded = _network()
    fully_shard(sharded, mesh=init_device_mesh("cpu", (1,)))
    assert _losses(sharded, GPU) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("device", [torch.device("cpu"), GPU])
def test_a_skipped_first_step_leaves_no_trace(device: torch.device) -> None:
    """What float16 does as long as its scale is too large."""
    one, two = _network(), _network()
    first, second = make_optimizer(one, HOW, device), make_optimizer(two, HOW, device)
    scaler = torch.amp.GradScaler("cpu")
    for broken in (True, False, False):
        for network in (one, two):
            network(torch.ones(2, 3, 3, 3)).square().sum().backward()
        scale = scaler.get_scale() if scaler.is_enabled() else 1.0
        for p in one.parameters():
            assert p.grad is not None
            p.grad *= scale
            if broken:
                p.grad.fill_(torch.inf)
        scaler.scale(torch.ones(()))  # Makes the scale.
        scaler.step(first)
        scaler.update()
        if not broken:
            second.step()
        first.zero_grad()
        second.zero_grad()
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_a_momentum_of_zero_is_a_first_step_to_the_bit() -> None:
    one, two = _network(), _network()
    mine = make_optimizer(one, HOW, torch.device("cpu"))
    plain = torch.optim.SGD(
        two.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01
    )
    for _ in range(3):
        for network, optimizer in ((one, mine), (two, plain)):
            network(torch.ones(2, 3, 3, 3)).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(p, q)


def test_the_moving_average_is_evaluated_with_its_own_statistics(job: Jobs, tmp_path: Path) -> None:
    made = job("run", "ema=0.9", "checkpoint_every=1", "evaluate_every=12", "keep=20")
    train(made)
    torch.manual_seed(word(made.loaded.recipe.seed, Stream.INIT, 0, 0))
    average = made.network.module()
    checkpoints = tmp_path / "run" / "checkpoints"
    floats = {name: t for name, t in average.state_dict().items() if t.is_floating_point()}
    for step in range(12):
        live = read(checkpoints / f"iteration-{step + 1:09d}.pt")
        decay = min(0.9, (1 + step) / (10 + step))
        for name, tensor in floats.items():
            now = (live["parameters"] | live["buffers"][0])[name]
            tensor.mul_(decay).add_(now, alpha=1 - decay)
    saved = read(checkpoints / "last.pt")["model"]
    for name, tensor in floats.items():
        torch.testing.assert_close(saved[name], tensor, rtol=1e-4, atol=1e-6)

    whole = read_embedded().train
    held = divide(whole.labels, 0.1, made.loaded.recipe.seed).validation
    test = whole.part(held).padded(2)
    chosen = torch.arange(50) * len(test) // 50
    pixels = torch.from_numpy(test.pixels)[chosen].float().expand(-1, 3, -1, -1)
    with torch.no_grad():
        logits = average.eval()((pixels / 255 - 0.286) / 0.353)
    row = read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]
    assert row["split"] == "validation"
    labels = torch.from_numpy(test.labels)[chosen]
    assert row["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-3)
