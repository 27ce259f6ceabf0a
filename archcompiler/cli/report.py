"""Diagnostics to the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from archcompiler import terminal
from archcompiler.diagnostics import Diagnostic
from archcompiler.diagnostics.render import ReportFormat, render


def report(diagnostics: Iterable[Diagnostic], format: ReportFormat = "text") -> None:
    """Print diagnostics: text to stderr, in colour on a terminal; json and github to stdout."""
    found = list(diagnostics)
    if not found and format == "text":
        return
    if format == "text":
        color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        terminal.page(render(found, "text", color=color) + "\n", err=True, styled=color)
        return
    text = render(found, format)
    if text:
        terminal.page(text + "\n")
