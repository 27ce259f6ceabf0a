"""Diagnostics as workflow commands, which GitHub shows at the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from archcompiler.diagnostics.diagnostic import Diagnostic
from archcompiler.diagnostics.render.visible import visible

_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans(
    {"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"},
)


def report(diagnostics: Sequence[Diagnostic]) -> str:
    """One `::error …::message` or `::warning …::message` a line."""
    return "\n".join(_command(diagnostic) for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic) -> str:
    properties: dict[str, str | int] = {}
    span = diagnostic.span
    if span is not None and span.source.is_file:
        start, end = span.location, span.source.location(span.end)
        properties = {"file": span.source.name, "line": start.line, "endLine": end.line}
        if start.line == end.line:
            # GitHub takes columns only within one line.
            properties |= {"col": start.column, "endColumn": end.column}
    properties["title"] = diagnostic.code
    listed = ",".join(
        f"{name}={visible(str(value)).translate(_PROPERTY)}" for name, value in properties.items()
    )
    lines = [
        diagnostic.message,
        *_place(diagnostic),
        *(f"note: {note}" for note in diagnostic.notes),
    ]
    if diagnostic.help is not None:
        lines.append(f"help: {diagnostic.help}")
    body = "\n".join(visible(line) for line in lines).translate(_DATA)
    return f"::{diagnostic.severity.value} {listed}::{body}"


def _place(diagnostic: Diagnostic) -> Iterator[str]:
    """Where a diagnostic is about what is no file of the repository."""
    if (span := diagnostic.span) is not None and not span.source.is_file:
        source = span.source
        yield f"in {source.name}:{span.location.line}: {source.line(span.location.line).strip()}"
