"""What a person sees of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING

from archcompiler import terminal
from archcompiler.diagnostics import CompileError
from archcompiler.diagnostics.render.visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress(AbstractContextManager["Progress"]):
    """Reports to stdout. A `silent` one is for all processes but the first."""

    def __init__(self, iterations: int, done: int, *, silent: bool = False) -> None:
        self.iterations = iterations
        self.silent = silent
        self._bar: Bar | None = None
        if not silent and sys.stdout.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task("", total=iterations, completed=done, numbers="")

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
        """So many iterations are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done)

    def numbers(self, text: str) -> None:
        """The newest measurements, beside the bar."""
        if self._bar is not None:
            self._bar.update(self._task, numbers=text)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self.silent:
            return
        if self._bar is not None:
            self._bar.console.print(visible(text), markup=False, highlight=False)
        else:
            # That nobody can read of a run any more does not end it.
            with suppress(OSError, CompileError):
                terminal.line(text)


def _bar() -> Bar:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
    )

    return Progress(
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
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
