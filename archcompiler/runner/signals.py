"""SIGTERM and SIGINT: the first asks for a checkpoint and an end, the second is obeyed at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Final

EXIT_STOPPED: Final = 75
"""Exit code of a run that a signal stopped after its checkpoint (EX_TEMPFAIL: try again)."""
GRACE: Final = 20.0
"""Seconds that a process of several has for its last step; torchrun kills after 30."""


class StopSignals:
    """While entered, notes the first signal. In a group of processes a step that waits for a dead
    one would never end, so there the process ends itself after `GRACE`.
    """

    def __init__(self, *, grace: float | None = None) -> None:
        self.received: signal.Signals | None = None
        self._grace = grace
        self._old: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
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

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self.received = signal.Signals(number)
        if self._grace is not None:
            timer = threading.Timer(self._grace, os._exit, (128 + number,))
            timer.daemon = True
            timer.start()
