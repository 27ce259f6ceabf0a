"""With virtual shards a run has the same bits on any number of processes."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import ReferenceType, ref

import pytest
import torch
from shipped import EVERY_SPEC
from torch import Tensor, nn
from unit.runner.jobs import QUICK, TINY, Jobs, curve
from unit.runner.processes import forked, free_port, run_rank, run_together

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.recompute import Recomputation, recomputed
from archcompiler.diagnostics import CompileError
from archcompiler.ir import Graph
from archcompiler.runner.engine.sharded import Shards, tree_sum
from archcompiler.runner.recipe import keeping
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.recipe.settling import settle_recipe
from archcompiler.runner.recipe.shards import held_sums, require_shards
from archcompiler.runner.store.checkpoint import read
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.system.distributed import World
from archcompiler.runner.system.hardware import settle
from archcompiler.runner.training import Job, _Run, train

DROPPING: dict[str, Any] = TINY | {"unit": {"type": "preact_bottleneck", "drop_path": 0.3}}
"""It has BN, and draws from torch's generator."""
SHORT = ("iterations=6", "checkpoint_every=2", "evaluation_images=20", "log_every=3")
FULL = (
    *SHORT,
    "augment.crop_padding=2",
    "augment.flip=true",
    "augment.randaugment.layers=1",
    "augment.mixup=0.2",
    "augment.cutmix=1.0",
    "augment.label_noise=0.1",
    "ema=0.9",
    "optimizer.clip=1.0",
    "speed.accumulate=2",
)
SHARDED = (*FULL, "speed.shards=4")
MORE = [
    ("optimizer=adamw", "speed.precision=bfloat16"),
    ("optimizer=lamb", "speed.memory=40%"),
    ("speed.checkpointing=true", "speed.channels_last=off"),
]
"""What else may be said of a run."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run in one process."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("shards") / "whole"
    recipe = load_recipe("smoke", (*QUICK, *SHARDED))
    train(Job(archcompiler.compile(DROPPING), recipe, RunFolder(folder), quiet=True))
    return folder


def last(folder: Path) -> bytes:
    """The newest checkpoint: weights, averages, what the optimizer keeps, and the best so far."""
    return (folder / "checkpoints" / "last.pt").read_bytes()


def same(one: Path, other: Path) -> None:
    assert last(one) == last(other)
    assert curve(one) == curve(other)


@pytest.mark.parametrize("processes", [2, 4] if EVERY_SPEC else [4])
def test_any_number_of_processes_ends_with_the_same_bits(
    job: Jobs, whole: Path, processes: int
) -> None:
    several = job("several", *SHARDED, spec=DROPPING)
    run_together(several, processes)
    same(whole, several.folder.path)
    contents = read(whole / "checkpoints" / "last.pt")
    assert contents["parameters"], "of which `model` is the average"
    assert any("running_mean" in name for name in contents["model"])


@pytest.mark.skipif(not EVERY_SPEC, reason="takes seconds each: EVERY_SPEC=1, as every night")
@pytest.mark.parametrize("more", MORE, ids=" ".join)
def test_so_it_does_with_other_settings(job: Jobs, more: tuple[str, ...]) -> None:
    alone, several = (job(name, *SHARDED, *more, spec=DROPPING) for name in ("one", "four"))
    train(alone)
    run_together(several, 4)
    same(alone.folder.path, several.folder.path)


@pytest.mark.parametrize("trial", range(20 if EVERY_SPEC else 1))
def test_killed_on_four_and_on_one_and_ended_on_two(job: Jobs, whole: Path, trial: int) -> None:
    moments = random.Random(trial)
    parts = job("parts", *SHARDED, spec=DROPPING, resume=True)
    _killed(parts, 4, at=moments.randrange(1, 4))
    _killed(parts, 1, at=moments.randrange(4, 7))
    run_together(parts, 2)
    same(whole, parts.folder.path)


def _killed(job: Job, processes: int, at: int) -> None:
    """Train until step `at` is done, and no further."""
    port = free_port()
    victims = [
        forked.Process(target=_die, args=(job, rank, processes, port, at))
        for rank in range(processes)
    ]
    for victim in victims:
        victim.start()
    for victim in victims:
        victim.join(120)
    assert {victim.exitcode for victim in victims} == {-signal.SIGKILL}


def _die(job: Job, rank: int, processes: int, port: int, at: int) -> None:
    goes_on = _Run.step

    def step(run: _Run, done: int) -> None:
        goes_on(run, done)
        if done == at:
            os.kill(os.getpid(), signal.SIGKILL)

    _Run.step = step  # type: ignore[method-assign]
    run_rank(job, rank, processes, port)


def test_without_shards_each_number_of_processes_has_its_own(job: Jobs) -> None:
    # BN sees the same images together, so that all that differs is the order of sums.
    brief = (*SHORT, "iterations=2")
    train(job("one", *brief, "speed.accumulate=4"))
    run_together(job("two", *brief, "speed.accumulate=2"))
    train(job("sharded", *brief, "speed.accumulate=2", "speed.shards=2"))
    one, two, sharded = (
        read(job(name).folder.path / "checkpoints" / "last.pt")
        for name in ("one", "two", "sharded")
    )
    weights = [c["model"] for c in (one, two, sharded)]
    assert any(not torch.equal(t, weights[1][name]) for name, t in weights[0].items())
    # What two shards come to is what two processes do, statistics and all, but for rounding.
    for name, tensor in weights[1].items():
        torch.testing.assert_close(weights[2][name], tensor, rtol=1e-4, atol=1e-5)


def _tree(vectors: list[Tensor]) -> Tensor:
    if len(vectors) == 1:
        return vectors[0]
    half = len(vectors) // 2
    return _tree(vectors[:half]) + _tree(vectors[half:])


@pytest.mark.parametrize("count", [1, 2, 4, 8, 32])
def test_sums_are_a_tree_that_processes_cut_into_subtrees(count: int) -> None:
    draws = torch.Generator().manual_seed(count)
    vectors = list(torch.randn(count, 1000, generator=draws))
    whole = tree_sum(v.clone() for v in vectors)
    assert torch.equal(whole, _tree(vectors))
    processes = 1
    while processes <= count:
        own = count // processes
        tops = [tree_sum(v.clone() for v in vectors[i : i + own]) for i in range(0, count, own)]
        assert torch.equal(tree_sum(tops), whole)
        processes *= 2
    if count > 2:
        assert not torch.equal(sum(vectors, torch.zeros(1000)), whole), "the order is not told"


@pytest.mark.parametrize("shards", [1, 2, 4, 8, 16])
def test_no_more_sums_wait_than_are_counted_with(shards: int) -> None:
    speed = load_recipe("smoke", (f"speed.shards={shards}",)).recipe.speed
    # Of 5 that are done, 4 are one sum and 1 is another.
    assert held_sums(speed, 1) == max(done.bit_count() for done in range(shards))
    assert held_sums(speed, shards) == 0
    alive: list[ReferenceType[Tensor]] = []

    def vectors() -> Iterator[Tensor]:
        for _ in range(shards):
            assert sum(found() is not None for found in alive) <= held_sums(speed, 1)
            vector = torch.zeros(1)
            alive.append(ref(vector))
            yield vector
            del vector

    tree_sum(vectors())


def test_every_shard_begins_where_the_step_does() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm1d(3, momentum=0.1), nn.Linear(3, 2))
    batches = torch.randn(4, 5, 3)
    shards = Shards(network, World(shards=4), 1)

    def compute(shard: int) -> Tensor:
        loss = network(batches[shard]).square().mean()
        loss.backward()
        return loss.detach()[None]

    loss = shards.step(compute)
    norm = network[0]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, 0.1 * batches.mean((0, 1)))
    assert norm.num_batches_tracked == 1
    # Autograd's own, of all shards together.
    got = [p.grad for p in network.parameters()]
    network.zero_grad()
    mean = torch.stack([network(batch).square().mean() for batch in batches]).mean()
    mean.backward()
    torch.testing.assert_close(loss[0], mean.detach())
    for gradient, parameter in zip(got, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def test_a_network_may_have_no_statistics() -> None:
    network = nn.Linear(3, 2)
    inputs = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))

    def compute(shard: int) -> Tensor:
        loss = network(inputs[shard]).sum()
        loss.backward()
        return loss.detach()[None]

    Shards(network, World(shards=2), 1).step(compute)
    assert network.weight.grad is not None
    torch.testing.assert_close(network.weight.grad[0], inputs.sum((0, 1)) / 2)
    assert network.bias.grad is not None
    torch.testing.assert_close(network.bias.grad, torch.tensor([5.0, 5.0]))


def test_threads_are_said_and_kept(job: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def threads(*settings: str) -> int:
        return settle(load_recipe("smoke", settings), torch.device("cpu")).threads

    assert (threads(), threads("speed.threads=3"), threads("speed.shards=2")) == (0, 3, 1)
    seen = []
    goes_on = _Run.step

    def step(run: _Run, done: int) -> None:
        goes_on(run, done)
        seen.append(torch.get_num_threads())

    monkeypatch.setattr(_Run, "step", step)
    torch.set_num_threads(2)
    train(job("run", *SHORT, "iterations=1", "speed.shards=2"))
    assert seen == [1]
    assert torch.get_num_threads() == 2
    assert load_recipe(job("run").folder.recipe).recipe.speed.threads == 1


def test_what_is_made_again_does_not_depend_on_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def peak_of_all_kept(
        loaded: object,
        graph: Graph,
        limit: str,
        peak: Callable[[Recomputation], int],
        most: float,
        **_: bool,
    ) -> int:
        return peak(recomputed(graph, {}))

    monkeypatch.setattr(keeping, "_plan_for", peak_of_all_kept)
    graph = archcompiler.compile("attention56_cifar").graph
    params = network_cost(graph).params

    def peaks(*settings: str) -> list[int]:
        loaded = load_recipe("smoke", ("batch_size=128", "speed.memory=1GB", *settings))
        recipe = settle_recipe(loaded, 9000, 3, 4)
        made = {"autocast": None, "compiled": False}
        return [
            keeping.planned(loaded, recipe, graph, **made, processes=n)  # type: ignore[misc]
            for n in (1, 2, 4)
        ]

    one, two, four = peaks("speed.shards=4")
    assert one == two == four
    # As one process with parts of a quarter, and two sums that wait.
    alone, *_ = peaks("speed.accumulate=4")
    assert 0 < alone - (one - 2 * 4 * params) <= 4 * params, "but for gradients that are not there"
    assert len(set(peaks())) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("speed.shards=3",), "3 shards are no power of two"),
        (("speed.shards=4", "batch_size=18"), "18 images cannot be computed in 4 equal parts"),
        (("speed.shards=4", "speed.sync_bn=true"), "`sync_bn` and `shards` cannot be combined"),
    ],
)
def test_recipes_that_are_refused(settings: tuple[str, ...], message: str) -> None:
    with pytest.raises(CompileError, match=f"E702.*{message}") as caught:
        load_recipe("smoke", settings)
    (only,) = caught.value.diagnostics
    assert only.span is not None


@pytest.mark.parametrize(
    ("processes", "strategy", "device", "found"),
    [
        (4, "ddp", "cpu", None),
        (1, "fully_shard", "cpu", None),  # which is a whole network then
        (3, "ddp", "cpu", ("E702", "4 shards cannot be split evenly over 3 processes")),
        (8, "ddp", "cpu", ("E702", "4 shards cannot be split evenly over 8 processes")),
        (2, "fully_shard", "cpu", ("E702", "`shards` and `--strategy fully_shard`")),
        (2, "ddp", "cuda", ("E707", "`shards` on `cuda` need `deterministic`")),
        (1, "ddp", "mps", ("E707", "no use on `mps`")),
    ],
)
def test_places_that_are_refused(
    processes: int, strategy: Any, device: str, found: tuple[str, str] | None
) -> None:
    loaded = load_recipe("smoke", ("speed.shards=4",))
    if found is None:
        require_shards(loaded, processes, strategy, device)
        return
    with pytest.raises(CompileError, match=f"{found[0]}.*{found[1]}") as caught:
        require_shards(loaded, processes, strategy, device)
    assert caught.value.diagnostics[0].span is not None
