"""Several processes do what one does, and the end of one is the end of all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from unit.runner.jobs import QUICK, TINY, Jobs
from unit.runner.processes import free_port, run_alone, run_together

from archcompiler.cli.train import command
from archcompiler.diagnostics import CompileError, error
from archcompiler.runner import training
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.checkpoint import Checkpoints, read
from archcompiler.runner.system.distributed import joined
from archcompiler.runner.system.place import Place
from archcompiler.runner.training import Job

EVERYTHING = (
    "ema=0.9",
    "optimizer.clip=1.0",
    "augment.randaugment.layers=1",
    "augment.lighting=0.1",
    "augment.erase=0.5",
    "augment.mixup=0.2",
    "log_every=1",
)


def _losses(folder: Path) -> list[float]:
    rows = read_metrics(folder / "metrics.jsonl")
    return [row["loss"] for row in rows if row["split"] == "train"]


@pytest.mark.parametrize(
    ("strategy", "optimizer"), [("ddp", "sgd"), ("fully_shard", "sgd"), ("fully_shard", "lamb")]
)
def test_two_processes_agree_with_one(
    job: Jobs, tmp_path: Path, strategy: Strategy, optimizer: str
) -> None:
    settings = (*EVERYTHING, f"optimizer={optimizer}")
    # BN sees the same images together: a part of two in one process, or the part of one of two.
    run_alone(job("one", *settings, "speed.accumulate=2"))
    run_together(job("two", *settings, strategy=strategy))
    one, two = _losses(tmp_path / "one"), _losses(tmp_path / "two")
    assert len(one) == 12
    assert two == pytest.approx(one, rel=1e-5)
    weights = [read(tmp_path / f / "checkpoints" / "last.pt")["model"] for f in ("one", "two")]
    for name, tensor in weights[0].items():
        if "running" not in name and "tracked" not in name:
            torch.testing.assert_close(weights[1][name], tensor, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strategy", ["ddp", "fully_shard"])
def test_two_processes_resume_to_the_bit(job: Jobs, tmp_path: Path, strategy: Strategy) -> None:
    settings = (*EVERYTHING, "speed.accumulate=2")
    run_together(job("whole", *settings, strategy=strategy))
    # As if it had been stopped in the evaluation after its eighth step.
    whole, parts = (tmp_path / name / "checkpoints" for name in ("whole", "parts"))
    stopped = read(whole / "iteration-000000008.pt") | {"evaluation_due": True}
    parts.mkdir(parents=True)
    Checkpoints(parts).save(stopped, best=False)
    run_together(job("parts", *settings, strategy=strategy, resume=True))
    one, two = read(whole / "last.pt"), read(parts / "last.pt")
    for part in ("model", "parameters", "momentum"):
        for name, tensor in one[part].items():
            assert torch.equal(tensor, two[part][name]), f"{part}: {name}"
    for part in ("buffers", "averaged_buffers"):
        assert len(one[part]) == 2
        for mine, other in zip(one[part], two[part], strict=True):
            assert all(torch.equal(tensor, other[name]) for name, tensor in mine.items())


def test_a_killed_rank_ends_the_job_which_resumes(job: Jobs, tmp_path: Path) -> None:
    spec = tmp_path / "tiny.json"
    spec.write_text(json.dumps(TINY))
    out = tmp_path / "run"
    settings = (*QUICK, "evaluate_every=1000000")
    launched = subprocess.Popen(
        [
            sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
            "--master-port", str(free_port()), "-m", "archcompiler.runner",
            str(spec), "--recipe", "smoke", "--out", str(out), "-q",
            *(word for s in (*settings, "iterations=1000000") for word in ("--set", s)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    last = out / "checkpoints" / "last.pt"
    deadline = time.monotonic() + 120
    while not last.exists():
        assert launched.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    children = Path(f"/proc/{launched.pid}/task/{launched.pid}/children")
    if not children.exists():
        pytest.skip("needs Linux to find the processes of torchrun")
    victim = int(children.read_text().split()[-1])
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    assert launched.wait(30) != 0
    assert time.monotonic() - killed < 30
    done = read(last)["iteration"]
    run_together(job("run", *settings, f"iterations={done + 4}", resume=True))
    assert read(last)["iteration"] == done + 4


def test_an_error_is_not_waited_with(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    for name in ("init_process_group", "new_group", "destroy_process_group"):
        monkeypatch.setattr(torch.distributed, name, lambda *_, name=name, **__: done.append(name))
    with joined(Place(1, 2), torch.device("cpu")):
        pass
    assert done.pop() == "destroy_process_group"
    with pytest.raises(ZeroDivisionError), joined(Place(1, 2), torch.device("cpu")):
        raise ZeroDivisionError
    assert done[-1] == "new_group"


@pytest.mark.parametrize(
    ("problem", "code", "printed"),
    [
        (CompileError(error("E704", "cannot decode `3.jpeg`")), 2, "process 1: cannot decode"),
        (CompileError(error("E703", "all of them say so")), 2, ""),
        (ZeroDivisionError("a fault"), 1, "ZeroDivisionError: a fault"),
    ],
)
def test_what_stops_another_process_than_the_first_is_said(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    problem: Exception,
    code: int,
    printed: str,
) -> None:
    def fail(job: Job) -> None:
        raise problem

    def leave(code: int) -> None:
        raise SystemExit(code)

    place = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(training, "train", fail)
    monkeypatch.setattr(os, "_exit", leave)
    spec = tmp_path / "tiny.json"
    spec.write_text(json.dumps(TINY))
    words = [str(spec), "--recipe", "smoke", "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as left:
        command.main(words, standalone_mode=False)
    assert left.value.code == code
    said = capsys.readouterr().err
    assert printed in said
    assert bool(said) == bool(printed)


def test_a_batch_that_cannot_be_split_is_refused(job: Jobs) -> None:
    from archcompiler.runner.recipe.batches import require_batches

    made: Job = job("run", "batch_size=16")
    with pytest.raises(CompileError, match="batch_size=18"):
        require_batches(made.loaded, made.loaded.recipe, made.network.graph, 3)
