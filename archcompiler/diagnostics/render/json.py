"""Diagnostics for programs: a list of objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from archcompiler.diagnostics.diagnostic import Diagnostic


def report(diagnostics: Sequence[Diagnostic]) -> str:
    """A JSON list in ASCII; lines and columns count from 1, and a span ends before its end.

    `file` and the positions are null where a diagnostic is about no place in a file.
    """
    return json.dumps([fields(diagnostic) for diagnostic in diagnostics], indent=2)


def fields(diagnostic: Diagnostic) -> dict[str, Any]:
    """One diagnostic."""
    span = diagnostic.span
    start = span.location if span else None
    end = span.source.location(span.end) if span else None
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "file": span.source.name if span else None,
        "line": start.line if start else None,
        "column": start.column if start else None,
        "end_line": end.line if end else None,
        "end_column": end.column if end else None,
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
    }
