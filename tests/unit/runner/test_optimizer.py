"""The optimizer and the moving average against what they should compute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
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
from archcompiler.runner.recipe.model import AdamW, Lamb, Optimizer, Sgd
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.checkpoint import checksum, read
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


def _losses(network: nn.Module, device: torch.device, how: Optimizer = HOW) -> list[float]:
    optimizer = make_optimizer(network, how, device)
    found = []
    for _ in range(3):
        loss = network(torch.ones(2, 3, 3, 3)).square().sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        found.append(loss.item())
    return found


EVERY = [HOW, AdamW(), Lamb(lr=0.1)]


@pytest.mark.parametrize("how", EVERY, ids=lambda how: how.type)
def test_shards_can_be_stepped_on_a_gpu(one_process: None, how: Optimizer) -> None:
    expected = _losses(_network(), torch.device("cpu"), how)
    sharded = _network()
    fully_shard(sharded, mesh=init_device_mesh("cpu", (1,)))
    assert _losses(sharded, GPU, how) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("how", EVERY, ids=lambda how: how.type)
@pytest.mark.parametrize("device", [torch.device("cpu"), GPU])
def test_a_skipped_first_step_leaves_no_trace(device: torch.device, how: Optimizer) -> None:
    """What float16 does as long as its scale is too large."""
    one, two = _network(), _network()
    first, second = make_optimizer(one, how, device), make_optimizer(two, how, device)
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


@pytest.mark.parametrize("how", [AdamW(lr=0.01), Lamb(lr=0.1)], ids=lambda how: how.type)
def test_adaptive_steps_are_those_of_the_papers(how: AdamW | Lamb) -> None:
    """Written out in numpy: Loshchilov & Hutter, algorithm 2; You et al., algorithm 2."""
    network = _network()
    with torch.no_grad():
        network[0].bias.zero_()  # A layer of no length.
    weights = [p.detach().numpy().astype(np.float64) for p in network.parameters()]
    m, v = ([np.zeros_like(w) for w in weights] for _ in range(2))
    optimizer = make_optimizer(network, how, torch.device("cpu"))
    first, second = how.betas
    for t in range(1, 6):
        network(torch.full((2, 3, 3, 3), 1.0 / t)).square().sum().backward()
        gradients = [p.grad.numpy().astype(np.float64) for p in network.parameters()]
        optimizer.step()
        optimizer.zero_grad()
        for i, g in enumerate(gradients):
            m[i] = first * m[i] + (1 - first) * g
            v[i] = second * v[i] + (1 - second) * g**2
            mean, spread = m[i] / (1 - first**t), v[i] / (1 - second**t)
            decay = how.weight_decay if g.ndim > 1 else 0.0
            step = mean / (np.sqrt(spread) + how.eps) + decay * weights[i]
            if how.type == "lamb":
                long, wide = np.linalg.norm(weights[i]), np.linalg.norm(step)
                step *= long / wide if long and wide else 1.0
            weights[i] = weights[i] - how.lr * step
    for p, w in zip(network.parameters(), weights, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=2e-4, atol=1e-7)


@pytest.mark.parametrize("kind", ["adamw", "lamb"])
def test_a_resumed_run_has_the_same_averages(job: Jobs, tmp_path: Path, kind: str) -> None:
    train(job("whole", f"optimizer={kind}"))
    checkpoints = tmp_path / "whole" / "checkpoints"
    whole = read(checkpoints / "last.pt")
    assert set(whole["moments"]) == {"exp_avg", "exp_avg_sq", "step"}
    assert whole["momentum"] == {}
    (checkpoints / "iteration-000000012.pt").unlink()
    train(job("whole", f"optimizer={kind}", resume=True))
    again = read(checkpoints / "last.pt")
    assert all(step == 12 for step in again["moments"]["step"].values())
    assert checksum(again) == checksum(whole)


@pytest.mark.parametrize("clip", [0.01, 1e3])
def test_a_gradient_is_as_long_as_clip_at_most(job: Jobs, tmp_path: Path, clip: float) -> None:
    plain = ("optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false")
    settings = (*plain, "optimizer.weight_decay=0", "iterations=1", "log_every=1")
    made = job("run", *settings, f"optimizer.clip={clip}")
    train(made)
    torch.manual_seed(word(made.loaded.recipe.seed, Stream.INIT, 0, 0))
    before = dict(made.network.module().named_parameters())
    after = read(tmp_path / "run" / "checkpoints" / "last.pt")["model"]
    moved = torch.cat([(after[name] - p.detach()).flatten() for name, p in before.items()])
    length = float(moved.norm()) / read_metrics(tmp_path / "run" / "metrics.jsonl")[0]["rate"]
    assert length == pytest.approx(clip, rel=1e-2) if clip < 1 else 0.1 < length < clip


def test_a_run_that_learns_no_more_ends(job: Jobs, tmp_path: Path) -> None:
    settings = ("optimizer.lr=1e-9", "evaluate_every=2", "early_stop.patience=2", "iterations=40")
    outcome = train(job("run", *settings, "seed=5"))
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    measured = [row for row in rows if row["split"] == "validation"]
    found = [(row["iteration"], row["accuracy"], row["loss"]) for row in measured]
    best = max(found, key=lambda row: (row[1], -row[2], -row[0]))
    assert outcome.finished
    assert outcome.iteration == best[0] + 2 * 2 == found[-1][0] < 40
    last = read(tmp_path / "run" / "checkpoints" / "last.pt")
    assert last["iteration"] == outcome.iteration
    # It does not go on when it is resumed, and does with more patience.
    assert train(job("run", *settings, "seed=5", resume=True)).iteration == outcome.iteration
    longer = ("early_stop.patience=3", "seed=5")
    assert train(job("run", *settings, *longer, resume=True)).iteration > outcome.iteration


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
