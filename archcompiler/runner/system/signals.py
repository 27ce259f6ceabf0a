"""SIGTERM and SIGINT: the first asks for a checkpoint and an end, the second is obeyed at once."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType, TracebackType
from typing import Final

EXIT_STOPPED: Final = 75
"""Exit code of a run that a signal stopped after its checkpoint (EX_TEMPFAIL: try again)."""
GRACE: Final = 20.0
"""Seconds that a process of several has for its last step; torchrun kills after 30."""
REPEATS: Final = 2.0
"""Seconds in which a process of several takes further signals for the first one: a scheduler sends
it to all processes, and torchrun passes its own on to them."""
STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class StopSignals:
    """While entered, notes the first signal. In a group of processes a step that waits for a dead
    one would never end, so there, with a `grace`, the process ends itself after so many seconds.
    """

    def __init__(self, *, grace: float | None = None, repeats: float = REPEATS) -> None:
        self.received: signal.Signals | None = None
        self._grace = grace
        self._repeats = repeats
        self._old: dict[signal.Signals, object] = {}
        self._timer: threading.Timer | None = None
        self._bell: socket.socket | None = None

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            if self._grace is not None:
                self._watch(self._grace)
            for number in STOPPING:
                self._old[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)  # type: ignore[arg-type]  # what it was before
        if self._bell is not None:
            signal.set_wakeup_fd(self._old_fd)
            self._bell.close()
        if self._timer is not None:
            self._timer.cancel()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is None:
            self.received = signal.Signals(number)
        elif self._bell is None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _watch(self, grace: float) -> None:
        """Have a thread see the signals too: Python calls no handler while its main thread is in a
        library that waits for the other processes.
        """
        ears, self._bell = socket.socketpair()
        self._bell.setblocking(False)
        self._old_fd = signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, args=(ears, grace), daemon=True).start()

    def _listen(self, ears: socket.socket, grace: float) -> None:
        first = 0.0
        with ears:
            while heard := ears.recv(1):
                number = heard[0]
                if number not in STOPPING:
                    continue
                if self._timer is None:
                    first = time.monotonic()
                    self._timer = threading.Timer(grace, os._exit, (128 + number,))
                    self._timer.daemon = True
                    self._timer.start()
                elif time.monotonic() - first > self._repeats:
                    os._exit(128 + number)


@contextmanager
def held() -> Iterator[None]:
    """Hold the signals back, for this thread and for the processes that it starts, which never get
    them: they end with this one, when it has no more work for them.
    """
    # If multiprocessing started its tracker in here, that would let the signals through again.
    resource_tracker.ensure_running()
    old = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def ignore(_: int = 0) -> None:
    """Ignore the signals from now on: a terminal sends them to worker processes as well."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
