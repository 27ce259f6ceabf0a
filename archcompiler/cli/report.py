"""Diagnostics to the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archcompiler import terminal
from archcompiler.diagnostics import Diagnostic
from archcompiler.diagnostics.render import ReportFormat, render, rows


def report(
    diagnostics: Iterable[Diagnostic],
    format: ReportFormat = "text",
    networks: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Print diagnostics: text to stderr, in colour on a terminal; json and github to stdout.

    JSON is one object, with the `networks` that a command is about.
    """
    found = list(diagnostics)
    if format == "json":
        import json

        terminal.page(json.dumps({"diagnostics": rows(found), "networks": networks}, indent=2))
        terminal.page("\n")
    elif format == "text" and found:
        color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        terminal.page(render(found, "text", color=color) + "\n", err=True, styled=color)
    elif found:
        terminal.page(render(found, format) + "\n")
