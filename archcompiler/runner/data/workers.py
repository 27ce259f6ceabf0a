"""The processes that decode images: how they start, how long they are waited for, how they end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

import torch
from torch.utils.data import DataLoader, Dataset

from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.data.folder import Collated, Decoded, Guarded, collate
from archcompiler.runner.system import signals
from archcompiler.runner.system.failures import no_delivery, undelivered, workers_missed

GLANCE: Final = 0.2
"""Seconds after which whoever waits for a batch may look at something else."""
PATIENCE: Final = 5.0
"""Seconds that workers have to end in; one that waits for its disk is killed then."""


class Workers:
    """A data set, decoded in the order of `keys` by processes that last until `close`.

    With a `count` of 0 it is decoded in this process, and nothing limits how long that takes. The
    `path` of a key is the file that it stands for.
    """

    def __init__(
        self,
        images: Dataset[Decoded],
        keys: Iterable[list[Any]],
        count: int,
        device: torch.device,
        *,
        ahead: int,
        timeout: float,
        path: Callable[[Any], str],
    ) -> None:
        self.keys = keys
        self._timeout = timeout
        self._path = path
        self._started: list[BaseProcess] = []
        self._loader: DataLoader[Decoded | Diagnostic] = DataLoader(
            Guarded(images),
            batch_sampler=keys,
            num_workers=count,
            collate_fn=collate,
            pin_memory=device.type == "cuda",
            prefetch_factor=ahead if count else None,
            # A forked worker of a process with threads and a GPU may hang.
            multiprocessing_context=_server() if count else None,
            worker_init_fn=_begin,
            persistent_workers=count > 0,
            timeout=GLANCE if count else 0,
        )

    def batches(self) -> Generator[Collated | None, None, None]:
        """A pass over the keys, with None wherever the next batch takes its time; the next pass
        finds the same processes.

        Raises CompileError with what is wrong with an image, E711 if a worker is gone and E720 if
        none delivers in time.
        """
        with workers_missed():
            before = multiprocessing.active_children()
            # Workers go on after a signal, until the checkpoint is written; so must their server.
            with signals.held(), self._patient():
                batches = iter(self._loader)
            self._started += [p for p in multiprocessing.active_children() if p not in before]
        for keys in self.keys:
            batch = yield from self._next(batches, self._path(keys[0]))
            if isinstance(batch, Diagnostic):
                raise CompileError(batch)
            yield batch

    def _next(
        self, batches: Iterator[Collated | Diagnostic], path: str
    ) -> Generator[None, None, Collated | Diagnostic]:
        """The next batch, which begins with `path`."""
        start = time.monotonic()
        while True:
            try:
                with workers_missed():
                    return next(batches)
            except RuntimeError as exc:
                if not no_delivery(exc):
                    raise
            if time.monotonic() - start > self._timeout:
                raise undelivered(self._timeout, path)
            # A signal is looked for here, not raised while a batch is received: to break off in
            # the middle of that would leave its worker with half of an exchange.
            yield None

    @contextmanager
    def _patient(self) -> Iterator[None]:
        """Give the processes of an earlier pass the whole time to say that they begin another."""
        earlier: Any = self._loader._iterator
        if earlier is not None:
            earlier._timeout = self._timeout
        try:
            yield
        finally:
            if earlier is not None:
                earlier._timeout = GLANCE

    def close(self) -> None:
        """End the processes: in order, and those that are stuck by force."""
        # Not left to the last reference: the traceback of an error has some too.
        batches = self._loader._iterator
        if batches is None or not self._started:
            return
        killing = threading.Timer(PATIENCE, self._kill)
        killing.start()
        try:
            batches._shutdown_workers()  # type: ignore[attr-defined]
        finally:
            killing.cancel()
            self._kill()
            self._loader._iterator = None

    def _kill(self) -> None:
        for process in self._started:
            if process.is_alive():
                process.kill()


def _server() -> Any:
    """Workers are forked from a process that has imported what they need, once.

    Windows cannot fork: there each of them imports it.
    """
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _begin(_: int) -> None:
    """What a worker does first."""
    signals.ignore()
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    """End with the trainer, however that ends: the pipe to it closes with its last thread.

    What the server waits for is closed with the last worker, so that it follows them.
    """
    trainer = multiprocessing.parent_process()
    assert trainer is not None
    connection.wait([trainer.sentinel])
    # Not `sys.exit`: the main thread may wait for a disk, or to hand over a batch.
    if sys.platform == "win32":
        os.kill(os.getpid(), signal.SIGTERM)  # which nothing can catch there
    else:
        os.kill(os.getpid(), signal.SIGKILL)
