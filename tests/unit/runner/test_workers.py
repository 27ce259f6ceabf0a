"""The processes that decode images live as long as their trainer, and no longer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing import connection, forkserver, reduction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset
from unit.runner.processes import forked
from unit.runner.standin import write_photographs

from archcompiler.diagnostics import CompileError
from archcompiler.runner.data.listing import list_test, list_training
from archcompiler.runner.data.order import Order, Parts
from archcompiler.runner.data.source import EvaluationPlan
from archcompiler.runner.data.streamed import StreamedTest, StreamedTraining
from archcompiler.runner.data.workers import Workers
from archcompiler.runner.engine.loop import Interrupted, awaited
from archcompiler.runner.recipe.model import Folder
from archcompiler.runner.system.distributed import StopVote, World
from archcompiler.runner.system.signals import StopSignals

CPU = torch.device("cpu")


def _folder(path: Path, workers: int = 1) -> Folder:
    return Folder(type="folder", path=str(path), mean=(0.5,) * 3, std=(1.0,) * 3, workers=workers)


def _until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_workers_outlast_signals_and_are_missed(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    data = _folder(tmp_path)
    files = list_training(data)
    images = StreamedTraining(files, data, (24, 24), 0, CPU)
    with closing(images.batches(Parts(Order(0, len(images)), 4, 0, 1, 1), 0)) as own:
        batches = filter(None, own)
        next(batches)
        (worker,) = multiprocessing.active_children()
        assert worker.pid is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(worker.pid, number)
        for _ in range(12):
            next(batches)
        worker.kill()
        with pytest.raises(CompileError, match=r"E711.*worker process that decodes"):
            list(batches)


class Pipe(Dataset[Tensor]):
    """An image whose file is never written to: opening it does not return."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __getitem__(self, key: int) -> Tensor:
        return torch.tensor(list(Path(self.path).read_bytes()))


def _stuck(path: Path, timeout: float) -> Workers:
    os.mkfifo(path)
    return Workers(
        Pipe(str(path)), [[0]], 1, CPU, ahead=1, timeout=timeout, path=lambda _: str(path)
    )


def test_a_worker_that_delivers_nothing_ends_the_run(tmp_path: Path) -> None:
    with closing(_stuck(tmp_path / "x.jpg", 0.5)) as workers:
        with pytest.raises(CompileError, match=r"E720.*for 0.5 s") as caught:
            list(workers.batches())
        (worker,) = multiprocessing.active_children()
        start = time.monotonic()
    assert "x.jpg" in str(caught.value.diagnostics[0].notes)
    # An old torch tells it to end, and leaves it to that.
    worker.join(5)
    assert not worker.is_alive()
    assert time.monotonic() - start < 9


def test_a_signal_ends_the_wait_for_a_batch(tmp_path: Path) -> None:
    with closing(_stuck(tmp_path / "x.jpg", 60)) as workers, StopSignals() as signals:
        vote = StopVote(World(), signals)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(Interrupted):
            next(awaited(workers.batches(), vote))


def test_a_signal_leaves_no_worker_with_half_an_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A worker that is slower than the signal would have nobody to hand its batch to, and say so
    in a traceback.
    """
    write_photographs(tmp_path)
    data = _folder(tmp_path)
    images = StreamedTest(list_test(data), data, (32, 32), (24, 24), CPU)
    meet, receive, interrupted = connection.deliver_challenge, reduction.recv_handle, []

    def met(*words: Any) -> None:
        meet(*words)
        if not interrupted:
            (worker,) = multiprocessing.active_children()
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGSTOP)
            threading.Timer(0.3, os.kill, (worker.pid, signal.SIGCONT)).start()

    def received(hand: Any) -> int:
        if not interrupted:
            interrupted.append(True)
            os.kill(os.getpid(), signal.SIGTERM)
        return receive(hand)

    monkeypatch.setattr(connection, "deliver_challenge", met)
    monkeypatch.setattr(reduction, "recv_handle", received)
    with StopSignals() as signals, closing(images.batches(EvaluationPlan(3))) as batches:
        vote = StopVote(World(), signals)
        next(awaited(batches, vote))
        assert interrupted
        assert vote.stopped()
    assert capfd.readouterr().err == ""


def test_evaluations_share_their_workers(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    data = _folder(tmp_path)
    files = list_test(data)
    images = StreamedTest(files, data, (32, 32), (24, 24), CPU)
    plan = EvaluationPlan(3)
    alone = list(filter(None, images.batches(plan)))
    assert not multiprocessing.active_children()
    with images.kept():
        first = next(filter(None, images.batches(plan)))  # As a signal would leave it.
        (worker,) = multiprocessing.active_children()
        again = list(filter(None, images.batches(plan)))
        assert multiprocessing.active_children() == [worker]
    assert not multiprocessing.active_children()
    assert torch.equal(first.images, alone[0].images)
    for one, other in zip(alone, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _opened(path: Path) -> bool:
    """Whether a worker reads from the pipe; nothing is ever written to it."""
    try:
        os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    return True


def _decode(path: Path, pids: Any) -> None:
    workers = _stuck(path, 60)
    batches = workers.batches()
    threading.Thread(target=lambda: list(batches), daemon=True).start()
    _until(lambda: _opened(path), 60)
    (worker,) = multiprocessing.active_children()
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    pids.send([worker.pid, server._forkserver_pid])
    time.sleep(60)


def test_workers_and_their_server_follow_a_killed_trainer(tmp_path: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    trainer = forked.Process(target=_decode, args=(tmp_path / "x.jpg", theirs))
    trainer.start()
    assert ours.poll(60)
    pids = ours.recv()
    trainer.kill()
    trainer.join()
    _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 5)
