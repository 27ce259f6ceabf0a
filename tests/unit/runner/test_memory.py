"""A run that cannot fit into memory is told so before it starts, and one that did not, how."""

from __future__ import annotations

import multiprocessing
import re
import shutil
from collections import namedtuple
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset
from unit.runner.jobs import QUICK, TINY, Jobs
from unit.runner.standin import write_photographs

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.state_memory import state_memory
from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.plan.planning import Machines, make_plan
from archcompiler.runner.data.workers import Workers
from archcompiler.runner.engine import memory
from archcompiler.runner.engine.optimizer import make_optimizer
from archcompiler.runner.engine.preparing import hardware_for, prepare, require_trainable
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.system.failures import explained, smaller_parts
from archcompiler.runner.system.hardware import Hardware
from archcompiler.runner.system.memory import (
    Memory,
    check_memory,
    check_shared,
    machine_memory,
    size,
)
from archcompiler.runner.system.place import Place
from archcompiler.runner.training import train


def test_the_state_is_what_torch_holds() -> None:
    network = archcompiler.compile(TINY)
    module = network.module()
    cost = network_cost(network.graph)
    for name, averages in (("sgd", 1), ("adamw", 2)):
        recipe = load_recipe("smoke", (f"optimizer={name}",)).recipe
        assert recipe.optimizer.averages == averages
        optimizer = make_optimizer(module, recipe.optimizer, torch.device("cpu"))
        module(torch.zeros(2, 3, 32, 32)).sum().backward()
        optimizer.step()
        state = state_memory(cost, averages=averages, average=True)
        tensors = [*module.parameters(), *module.buffers()]
        floats = sum(t.nbytes for t in tensors if t.is_floating_point())
        # A count of batches beside each BN.
        assert state.weights == pytest.approx(floats, abs=8 * len(tensors))
        held = [t for of in optimizer.state.values() for t in of.values()]
        kept = [t for t in held if isinstance(t, Tensor) and t.dim()]
        assert state.optimizer == sum(t.nbytes for t in kept)
        assert state.average == state.weights


def _system(root: Path, lines: str, **files: str) -> Memory:
    proc, groups = root / "proc", root / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(
        "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 600 kB\nSwapTotal: 10 kB\nSwapFree: 5 kB\n"
    )
    (proc / "self" / "cgroup").write_text(lines)
    for name, text in files.items():
        path = groups / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return machine_memory(proc, groups)


def test_what_memory_there_is(tmp_path: Path) -> None:
    kb = 1024
    assert machine_memory(tmp_path / "none") == Memory(0, 0)
    assert _system(tmp_path / "a", "") == Memory(1010 * kb, 605 * kb)
    v2 = {"a__memory_dot_max": f"{400 * kb}", "a__memory_dot_current": f"{300 * kb}"}
    v2["a__memory_dot_stat"] = f"anon 1\ninactive_file {50 * kb}\n"
    assert _system(tmp_path / "b", "0::/a/b\n", **v2) == Memory(400 * kb, 150 * kb)
    unlimited = {"memory_dot_max": "max", "memory_dot_current": "7"}
    assert _system(tmp_path / "c", "0::/\n", **unlimited) == Memory(1010 * kb, 605 * kb)
    v1 = {"memory__memory_dot_limit_in_bytes": f"{400 * kb}"}
    v1["memory__memory_dot_usage_in_bytes"] = f"{500 * kb}"
    lines = "4:cpu,memory:/docker/x\n3:pids:/\n"
    assert _system(tmp_path / "d", lines, **v1) == Memory(400 * kb, 0)


def test_scarce_is_a_warning_and_impossible_an_error() -> None:
    def check(total: int, free: int) -> list[str]:
        found = check_memory(
            3 << 30, 2 << 30, Memory(total << 30, free << 30), "`cuda:0`", 8, "`--set x`"
        )
        return [f"{d.code}: {d.message}" for d in found]

    assert check(4, 4) == check(0, 0) == []
    assert check(4, 2) == ["W720: a step needs 3.0 GiB, but of `cuda:0` 2.0 GiB are free"]
    with pytest.raises(CompileError, match=r"E709.*needs 3.0 GiB, but `cuda:0` has 2.0"):
        check(2, 1)
    assert [size(n) for n in (512, 3 << 19, 5 << 30)] == ["0.5 KiB", "1.5 MiB", "5.0 GiB"]


@pytest.mark.parametrize(("there", "free"), [(1 << 20, 1 << 19), (1 << 40, 1 << 19)])
def test_a_run_is_measured_before_it_starts(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: int, free: int
) -> None:
    monkeypatch.setattr(Hardware, "room", lambda self: (Memory(there, free), "this machine"))
    made = job("run", "iterations=1", "batch_size=64")
    if there == 1 << 40:
        (scarce,) = train(made).warnings
        assert scarce.code == "W720"
        assert scarce.help is not None
        parts = int(scarce.help.split("accumulate=")[1].split("`")[0])
        one, two = (
            make_plan(
                made.network,
                load_recipe("smoke", (*QUICK, "batch_size=64", f"speed.accumulate={n}")),
                Machines(),
            ).peak
            for n in (parts, parts // 2)
        )
        assert one <= free < two, "what `plan` says"
    else:
        with pytest.raises(CompileError, match=r"E709.*a step needs"):
            train(made)
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "settings", [(), ("speed.accumulate=4",), ("ema=0.9", "speed.checkpointing=true")]
)
def test_a_step_needs_what_its_plan_says(
    job: Jobs, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]
) -> None:
    needs = []
    check = memory.check_memory

    def look(need: int, *more: Any) -> list[Diagnostic]:
        needs.append(need)
        return check(need, *more)

    monkeypatch.setattr(memory, "check_memory", look)
    said = ("batch_size=64", *settings)
    made = job("run", "iterations=1", *said)
    train(made)
    loaded = load_recipe("smoke", (*QUICK, *said))
    assert needs == [make_plan(made.network, loaded, Machines()).peak]


@pytest.mark.parametrize("strategy", ["ddp", "fully_shard"])
@pytest.mark.parametrize("memory_for", ["auto", "60%", "1.7MB"])
def test_so_does_one_of_two_processes(
    monkeypatch: pytest.MonkeyPatch, switches: None, strategy: Strategy, memory_for: str
) -> None:
    needs = []

    def look(need: int, *_: Any) -> list[Diagnostic]:
        needs.append(need)
        return []

    monkeypatch.setattr(memory, "check_memory", look)
    network = archcompiler.compile(TINY)
    loaded = load_recipe("smoke", (*QUICK, "batch_size=64", f"speed.memory={memory_for}"))
    place = Place(size=2, local_size=2)
    hardware = hardware_for(network, loaded, place, strategy)
    found = prepare(network, loaded, hardware, place, strategy)
    planned = make_plan(network, loaded, Machines(2, strategy))
    assert (needs, found.plan) == ([planned.peak], planned.again)


def test_a_machine_that_is_too_small_for_one_image_is_told_so(
    monkeypatch: pytest.MonkeyPatch, switches: None
) -> None:
    monkeypatch.setattr(Hardware, "room", lambda self: (Memory(1 << 12, 1 << 11), "this machine"))
    network = archcompiler.compile(TINY)
    loaded = load_recipe("smoke", (*QUICK, "batch_size=64"))
    with pytest.raises(CompileError) as told:
        require_trainable(network, loaded)
    (problem,) = told.value.diagnostics
    assert problem.code == "E709"
    assert problem.help == smaller_parts(loaded.recipe, 1)


@pytest.mark.parametrize(
    ("batch", "parts", "tested", "ready"),
    [(16, 1, 8, 4 * 16 + 2 * 8), (64, 4, 8, 4 * 16 + 2 * 8), (16, 1, 50, 4 * 16 + 2 * 50)],
)
def test_what_workers_hand_over_is_of_batches_that_lie_ready(
    monkeypatch: pytest.MonkeyPatch,
    switches: None,
    tmp_path: Path,
    batch: int,
    parts: int,
    tested: int,
    ready: int,
) -> None:
    """Of each worker four of training and two of an evaluation."""
    asked = []
    monkeypatch.setattr(memory, "check_shared", lambda *given: asked.append(given))
    write_photographs(tmp_path / "data")
    settings = (
        *(f"data.path={tmp_path / 'data'}", "data.workers=1", "device=cpu"),
        *(f"batch_size={batch}", f"speed.accumulate={parts}", f"evaluation_batch={tested}"),
    )
    loaded = load_recipe("imagenet_paper", settings)
    require_trainable(archcompiler.compile(TINY | {"classes": 2}), loaded)
    assert asked == [(ready * 3 * 32 * 32, 1)]


def test_shared_memory_is_looked_at_before(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 256 << 10))
    check_shared(64 << 10, 4, tmp_path)
    check_shared(1 << 30, 4, tmp_path / "none")
    check_shared(1 << 30, 0, tmp_path)
    with pytest.raises(CompileError, match=r"(?s)E722.*384.0 KiB.*data.workers=2"):
        check_shared(96 << 10, 4, tmp_path)
    # As many whole GiB as hold all of it.
    for bytes, room in ((96 << 10, 1), (1 << 29, 2), ((1 << 29) + 1, 3)):
        with pytest.raises(CompileError, match=rf"--shm-size={room}g`"):
            check_shared(bytes, 4, tmp_path)
    write_photographs(tmp_path / "data")
    spec = TINY | {"classes": 2}
    settings = (f"data.path={tmp_path / 'data'}", "data.resize=36", "batch_size=4", "device=cpu")
    made = job("run", *settings, "data.workers=8", spec=spec, recipe="imagenet_paper")
    with pytest.raises(CompileError, match="E722"):
        train(made)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 3 bytes"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        OSError(12, "Cannot allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory"),
    ],
)
def test_a_lack_of_memory_has_many_names(problem: Exception) -> None:
    recipe = load_recipe("smoke").recipe
    with pytest.raises(CompileError, match="E709"), explained(recipe):
        raise problem


class Greedy(Dataset[Tensor]):
    """An image for which there is no memory."""

    def __getitem__(self, key: int) -> Tensor:
        raise MemoryError


def test_a_worker_without_memory_is_told_apart() -> None:
    device = torch.device("cpu")
    workers = Workers(Greedy(), [[0]], 1, device, ahead=1, timeout=60, path=str)
    with (
        pytest.raises(CompileError, match=r"(?s)E709.*in a worker process.*data.workers"),
        closing(workers),
        explained(load_recipe("smoke").recipe),
    ):
        list(workers.batches())


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("parts", [1, 2, 5])
@pytest.mark.parametrize("each", [1, 2, 3, 7, 12])
def test_what_is_worth_a_try_can_be_done(processes: int, parts: int, each: int) -> None:
    batch = each * parts * processes
    recipe = load_recipe("smoke", (f"batch_size={batch}", f"speed.accumulate={parts}")).recipe
    said = dict(re.findall(r"--set ([a-z_.]+)=(\d+)", smaller_parts(recipe, processes)))
    more, less = int(said.get("speed.accumulate", 0)), int(said.get("batch_size", 0))
    own = batch // processes
    # Half of the images at a time or fewer, as many as there are then; nothing where it is one.
    divisors = [n for n in range(1, own + 1) if own % n == 0 and own // n <= each / 2]
    assert more == min(divisors, default=0)
    assert less % (parts * processes) == 0
    assert less == each // 2 * parts * processes
