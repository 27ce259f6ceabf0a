"""What a person sees of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final

from archcompiler import terminal
from archcompiler.diagnostics import CompileError
from archcompiler.diagnostics.render.visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


OFTEN: Final = 60.0
"""Seconds after which a run without a terminal says again how far it is."""


class Progress(AbstractContextManager["Progress"]):
    """Reports how many of `total` are done, `what` they are called, to stdout or stderr.

    A `silent` one is for all processes but the first.
    """

    def __init__(
        self, total: int, done: int = 0, *, what: str, silent: bool = False, err: bool = False
    ) -> None:
        self.total = total
        self.what = what
        self.silent = silent
        self._err = err
        self._began = self._spoke = time.monotonic()
        self._first = done
        self._bar: Bar | None = None
        if not silent and (sys.stderr if err else sys.stdout).isatty():
            self._bar = _bar(err)
            self._task = self._bar.add_task("", total=total, completed=done, numbers="")

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, done: int) -> None:
        """So many are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done)
        elif time.monotonic() - self._spoke > OFTEN and self._first < done < self.total:
            left = duration(self.left(done) or 0)
            self.say(f"{self.what} {done:,}/{self.total:,}  {left} left")

    def left(self, done: int) -> float | None:
        """Seconds for the rest, if it takes as long as what was done here; None before that."""
        if done <= self._first:
            return None
        return (time.monotonic() - self._began) / (done - self._first) * (self.total - done)

    def numbers(self, text: str) -> None:
        """The newest measurements, beside the bar."""
        if self._bar is not None:
            self._bar.update(self._task, numbers=text)

    def say(self, text: str) -> None:
        """A line that stays."""
        self._spoke = time.monotonic()
        if self.silent:
            return
        if self._bar is not None:
            self._bar.console.print(visible(text), markup=False, highlight=False)
        else:
            # That nobody can read of a run any more does not end it.
            with suppress(OSError, CompileError):
                terminal.line(text, err=self._err)


def _bar(err: bool) -> Bar:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        # What a narrow terminal has no room for is last.
        TextColumn("{task.fields[numbers]}"),
        console=Console(stderr=err),
        transient=True,
    )


def duration(seconds: float) -> str:
    """12 s, 3:05, 1:02:03"""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
