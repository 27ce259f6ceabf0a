"""Doing again what a command does whenever a file changes that it was done from."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from archcompiler import terminal
from archcompiler.cli.report import report
from archcompiler.config.files import Files, stamp
from archcompiler.diagnostics import CompileError
from archcompiler.diagnostics.render import ReportFormat

PAUSE: Final = 0.25
"""Seconds between two looks: far less than a person takes to look at the terminal."""


def perform(
    run: Callable[[Files], None], root: Path | None, watch: bool, format: ReportFormat = "text"
) -> None:
    """Run a command on its files, once, or with `watch` until it is interrupted."""
    if not watch:
        run(Files(root))
        return
    while True:
        files = Files(root)
        try:
            run(files)
        except CompileError as wrong:
            report(wrong.diagnostics, format)
        except SystemExit:
            # What the code would say has been printed.
            pass
        count = len(files.asked)
        terminal.line(f"watching {count} file{'s' * (count != 1)}; Ctrl-C ends", err=True)
        _wait(files)


def _wait(files: Files) -> None:
    """Return when a file is another than it was when it was read, and has settled."""
    while all(stamp(path) == before for path, before in files.asked.items()):
        time.sleep(PAUSE)
    settled: list[object] = []
    while settled != (now := [stamp(path) for path in files.asked]):
        settled = list(now)
        time.sleep(PAUSE)
