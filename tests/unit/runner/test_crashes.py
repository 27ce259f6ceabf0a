"""Death, a full disk and a failing one at every write of a run: what is left is whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from shipped import EVERY_SPEC
from unit.runner.disk import CALLS, watched
from unit.runner.jobs import Jobs, curve, same

from archcompiler.diagnostics import CompileError
from archcompiler.runner.report.metrics import Metrics
from archcompiler.runner.store.checkpoint import Checkpoints, read
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.training import Job, train

SETTINGS = ("iterations=3", "checkpoint_every=1", "keep=1", "evaluation_images=10", "ema=0.5")
RESUMED = 6
"""So many of the states that a death may leave are gone on from in the usual tests."""


def _state(run: Path) -> str:
    """What a run that goes on finds: all but half-written files and what is made of the others."""
    digest = sha256()
    for path in sorted(run.rglob("*")) if run.exists() else ():
        made = path.suffix in (".csv", ".svg", ".png", ".lock") or path.name == "run.json"
        if path.is_dir() or made or path.name.endswith(".partial"):
            continue
        digest.update(f"{path.relative_to(run)} ".encode())
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        digest.update(sha256(content).digest())
    return digest.hexdigest()


def _whole(run: Path) -> int | None:
    """The iteration of the newest checkpoint that is whole; None if there is none at all."""
    checkpoints = Checkpoints(run / "checkpoints")
    found = checkpoints.newest()
    assert found is None or not found[2], "one that is not whole"
    for link in (checkpoints.last, checkpoints.best):
        assert link.exists() or not link.is_symlink(), "a link to nothing"
        if link.exists() and (found is None or not link.samefile(found[0])):
            read(link)
    return None if found is None else found[1]["iteration"]


def test_death_at_every_write(job: Jobs, tmp_path: Path) -> None:
    """A process that dies leaves what is on the disk at that moment, and nothing of what it holds
    back: copies of the folder, made before each call, are what its deaths would have left.
    """
    run, calls, states = tmp_path / "run", Counter[str](), dict[str, Path]()
    newest: list[int | None] = []

    def before(call: str) -> None:
        calls[call] += 1
        state = _state(run)
        if state not in states:
            states[state] = left = tmp_path / f"death{len(states)}"
            if run.exists():
                shutil.copytree(run, left, symlinks=True)
                newest.append(_whole(left))

    with watched(before):
        train(job("run", *SETTINGS))
    assert calls.keys() == {"open", "write", *CALLS}
    # Once there is a checkpoint there always is one, and none that is older than the last.
    assert list(dict.fromkeys(newest)) == [None, 1, 2, 3]
    whole = [left for left in states.values() if left.exists()]
    for left in whole if EVERY_SPEC else whole[:: -(-len(whole) // RESUMED)]:
        train(job(left.name, *SETTINGS, resume=True))
        same(run, left)
        assert curve(run) == curve(left)
        assert not list(left.rglob("*.partial"))


FAULTS = {
    # A disk that is full stays full; of one that fails one call may be all.
    errno.ENOSPC: lambda number, at: number >= at,
    errno.EIO: lambda number, at: number == at,
}


class Fault:
    """From the `at`-th call on, or for that one alone, the system says that something is wrong."""

    def __init__(self, code: int, at: int) -> None:
        self.code = code
        self.at = at
        self.number = 0

    def __call__(self, call: str) -> None:
        self.number += 1
        # A full disk still lets go of files.
        freeing = call == "unlink" and self.code == errno.ENOSPC
        if FAULTS[self.code](self.number, self.at) and not freeing:
            raise OSError(self.code, os.strerror(self.code))


def _save(job: Job, contents: dict[str, Any]) -> None:
    """What a run writes from its start to a checkpoint."""
    folder = job.folder
    folder.make()
    folder.prepare(job.network, job.loaded.recipe, {"classes": []}, {"iteration": 1})
    metrics = Metrics(folder)
    metrics.rewind(1)
    metrics.add({"iteration": 2, "split": "train", "loss": 1.0, "accuracy": 0.5})
    folder.write_text(folder.table, "iteration\n2\n")
    Checkpoints(folder.checkpoints, keep=1).save(contents, best=True)


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
def test_a_fault_at_every_write(job: Jobs, tmp_path: Path, code: int) -> None:
    base = job("base", *SETTINGS, "iterations=1")
    train(base)
    before = read(tmp_path / "base" / "checkpoints" / "last.pt")
    first = curve(tmp_path / "base")
    after = before | {"iteration": 2}
    at, outcomes = 1, set[int | None]()
    while True:
        run = tmp_path / f"{at}"
        shutil.copytree(tmp_path / "base", run, symlinks=True)
        fault, problem = Fault(code, at), None
        with watched(fault):
            try:
                _save(replace(base, folder=RunFolder(run)), after)
            except CompileError as exc:
                problem = exc
        assert problem is None or [d.code for d in problem.diagnostics] == ["E710"]
        found = _whole(run)
        outcomes.add(found)
        assert found == 2 or (found == 1 and problem)
        assert not list(run.rglob("*.partial"))
        assert curve(run)[: len(first)] == first
        shutil.rmtree(run)
        if fault.number < at:
            break
        at += 1
    assert outcomes == {1, 2}
    assert at > 40
    assert problem is None


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
def test_a_run_goes_on_after_a_fault(job: Jobs, tmp_path: Path, code: int) -> None:
    count = Fault(code, 1 << 30)
    with watched(count):
        train(job("whole", *SETTINGS))
    for at in range(1, count.number + 1, 1 if EVERY_SPEC else -(-count.number // 3)):
        with watched(Fault(code, at)), suppress(CompileError):
            train(job(f"{at}", *SETTINGS))
        train(job(f"{at}", *SETTINGS, resume=True))
        same(tmp_path / "whole", tmp_path / f"{at}")
        assert curve(tmp_path / "whole") == curve(tmp_path / f"{at}")
