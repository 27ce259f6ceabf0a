"""Diagnostics as text for people, as JSON for programs, as annotations for GitHub.

A form is imported when there is something to print: mostly there is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from archcompiler.diagnostics.diagnostic import Diagnostic

__all__ = ["ReportFormat", "render", "rows"]

ReportFormat: TypeAlias = Literal["text", "json", "github"]


def render(diagnostics: Iterable[Diagnostic], format: ReportFormat, *, color: bool = False) -> str:
    """The report of a run, by file and position, without a line end after the last line.

    `color` adds ANSI colours to `text`; the other formats have none.
    """
    ordered = sorted(dict.fromkeys(diagnostics), key=_position)
    if format == "text":
        from archcompiler.diagnostics.render import text

        return text.report(ordered, color=color)
    if format == "json":
        from archcompiler.diagnostics.render import json

        return json.report(ordered)
    from archcompiler.diagnostics.render import github

    return github.report(ordered)


def rows(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """The same as plain values, which `json` has as text."""
    from archcompiler.diagnostics.render import json

    return [json.fields(d) for d in sorted(dict.fromkeys(diagnostics), key=_position)]


def _position(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
    span = diagnostic.span
    if span is None:
        # What says that there are others stands after them.
        return "" if diagnostic.code != "E114" else "\U0010ffff", -1, -1, diagnostic.code
    return span.source.name, span.start, span.end, diagnostic.code
