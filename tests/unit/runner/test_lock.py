"""Two runs are not in one folder, and a lock does not outlive its owner."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from unit.runner.disk import watched
from unit.runner.jobs import Jobs
from unit.runner.processes import forked

from archcompiler.diagnostics import CompileError
from archcompiler.runner.store import lock
from archcompiler.runner.store.lock import locked
from archcompiler.runner.training import train


def _hold(path: Path, ready: Connection) -> None:
    """Hold the lock until killed, with a child that lives on for a while."""
    with locked(path):
        child = subprocess.Popen(["sleep", "20"])
        ready.send(child.pid)
        time.sleep(20)


def test_a_second_run_is_refused_and_told_by_whom(job: Jobs, tmp_path: Path) -> None:
    here, there = forked.Pipe()
    (tmp_path / "run").mkdir()
    owner = forked.Process(target=_hold, args=(tmp_path / "run" / "run.lock", there))
    owner.start()
    child = here.recv()
    for resume in (False, True):
        with pytest.raises(CompileError) as caught:
            train(job("run", resume=resume))
        message = f"process {owner.pid} on `{socket.gethostname()}` is training in"
        assert f"E741: {message}" in str(caught.value).replace("]: ", ": ")
    assert not (tmp_path / "run" / "spec.toml").exists()
    owner.kill()
    owner.join()
    os.kill(child, 0)  # What it has started is still there.
    assert train(job("run", "iterations=1")).finished
    os.kill(child, 9)


def test_a_run_that_has_ended_meanwhile_is_not_written_over(job: Jobs) -> None:
    train(job("run", "iterations=1"))
    with pytest.raises(CompileError, match="E705"):  # Nobody has asked `require` before.
        train(job("run", "iterations=1"))
    assert train(job("run", "iterations=1", resume=True)).finished


def test_the_lock_is_let_go_of_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with pytest.raises(RuntimeError), locked(path):
        raise RuntimeError
    with locked(path) as held, pytest.raises(CompileError, match="E741"), locked(path):
        pass
    assert held


def test_a_full_disk_leaves_out_who_has_it(tmp_path: Path) -> None:
    def full(call: str) -> None:
        if call == "write":
            raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "lock"
    with watched(full), locked(path) as held:
        assert held
        assert not path.read_bytes()
        with pytest.raises(CompileError, match=r"E741.*another process"), locked(path):
            pass


def test_a_file_system_without_locks_is_warned_of(
    job: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", refuse)
    outcome = train(job("run", "iterations=1"))
    assert [w.code for w in outcome.warnings] == ["W741"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(job: Jobs, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(0o555)
    with pytest.raises(CompileError, match=r"E705.*permission denied"):
        train(job("run"))


@pytest.mark.parametrize("path", ["file", "file/run"])
def test_a_file_where_the_folder_should_be(job: Jobs, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CompileError, match=rf"E705.*cannot write `.*{path}`"):
        train(job(path))


def test_a_file_where_the_checkpoints_should_be(job: Jobs, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").touch()
    with pytest.raises(CompileError, match=r"E705.*cannot write `.*checkpoints`: not a directory"):
        train(job("run"))
