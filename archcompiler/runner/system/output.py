"""What a run prints, to a terminal, a file or a pipe that may be gone before the run is."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

NAMES = {1: "stdout", 2: "stderr"}


class _Lasting(io.RawIOBase):
    """A file descriptor to which every write succeeds, as far as anyone can tell."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._said = False

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]  # bytes, of whatever kind
        try:
            return os.write(self.number, view)
        except OSError as exc:
            self._say(exc)
            return len(view)

    def _say(self, exc: OSError) -> None:
        """Once, to the other of the two. A disk that has room again will have the rest."""
        if self._said:
            return
        self._said = True
        other = 3 - self.number
        with suppress(OSError):
            text = f"{NAMES[self.number]} cannot be written to ({exc.strerror}): the run goes on\n"
            os.write(other, text.encode())

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.number

    def isatty(self) -> bool:
        return os.isatty(self.number)


def outlast() -> None:
    """From now on nothing that is printed can raise: a full disk, a closed pipe and characters that
    the encoding lacks are no reason to end a run.

    Streams that someone has put in place of the process's own are left as they are.
    """
    # A file that is opened while 0, 1 or 2 is closed would be taken for the stream.
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free: this one, as those below are open by now.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _lasting(1, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _lasting(2, sys.stderr)


def _lasting(number: int, old: TextIO | None) -> TextIO:
    if old is not None:
        with suppress(OSError, ValueError):
            old.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Lasting(number)),
        encoding=getattr(old, "encoding", "utf-8"),
        errors="backslashreplace",
        line_buffering=True,
    )
