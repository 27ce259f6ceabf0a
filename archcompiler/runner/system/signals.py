"""SIGTERM and SIGINT: the first asks for a checkpoint and an end, the second is obeyed at once."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from types import FrameType, TracebackType
from typing import Final

EXIT_STOPPED: Final = 75
"""Exit code of a run that a signal stopped after its checkpoint (EX_TEMPFAIL: try again)."""
GRACE: Final = 20.0
"""Seconds from SIGTERM to the end of a process; torchrun and most schedulers kill after 30."""
REPEATS: Final = 2.0
"""Seconds in which a process of several takes further signals for the first one: a scheduler sends
it to all processes, and torchrun passes its own on to them."""
STUCK: Final = 1.0
"""Seconds that a process alone has to obey a second signal by itself."""
STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class StopSignals:
    """While entered, notes the first signal, and ends the process if it does not end by itself.

    After SIGTERM it has `grace` seconds: where a step waits for a dead process or a file for its
    disk, it would have for ever. SIGINT of a process alone has no such limit, for a person can send
    another; `several` processes have it for both, and take what follows at once for a repetition.
    """

    def __init__(
        self, *, grace: float = GRACE, several: bool = False, repeats: float = REPEATS
    ) -> None:
        self.received: signal.Signals | None = None
        self._grace = grace
        self._several = several
        self._repeats = repeats
        self._old: dict[signal.Signals, object] = {}
        self._timers: list[threading.Timer] = []
        self._bell: socket.socket | None = None

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._watch()
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
        for timer in self._timers:
            timer.cancel()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is None:
            self.received = signal.Signals(number)
        elif not self._several:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _watch(self) -> None:
        """Have a thread see the signals too: Python calls no handler while its main thread is in a
        library that waits.
        """
        ears, self._bell = socket.socketpair()
        self._bell.setblocking(False)
        self._old_fd = signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, args=(ears,), daemon=True).start()

    def _listen(self, ears: socket.socket) -> None:
        first: float | None = None
        with ears:
            while heard := ears.recv(1):
                number = heard[0]
                if number not in STOPPING:
                    continue
                again = first is not None
                if first is None:
                    first = time.monotonic()
                if again and not self._several:
                    self._end_in(STUCK, number)
                elif again and time.monotonic() - first > self._repeats:
                    os._exit(128 + number)
                elif self._several or number == signal.SIGTERM:
                    self._end_in(self._grace, number)

    def _end_in(self, seconds: float, number: int) -> None:
        timer = threading.Timer(seconds, _end, (seconds, number))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()


def _end(seconds: float, number: int) -> None:
    name = signal.Signals(number).name
    with suppress(OSError):
        os.write(2, f"no end {seconds:g} s after {name}: left without a checkpoint\n".encode())
    os._exit(128 + number)


@contextmanager
def at_once() -> Iterator[None]:
    """While entered, SIGINT ends the process as SIGTERM does: nothing would have to be undone.

    As an exception it would be printed, or lost in one of the many imports that catch any.
    """
    old = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or old is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)


@contextmanager
def held() -> Iterator[None]:
    """Hold the signals back, for this thread and for the processes that it starts, which never get
    them: they end with this one, when it has no more work for them.
    """
    if sys.platform == "win32":  # There is no mask; only the workers' own `ignore`.
        yield
        return
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
