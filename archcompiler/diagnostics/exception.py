"""The one exception that carries diagnostics."""

from __future__ import annotations

from math import inf
from typing import Final

from archcompiler.diagnostics.diagnostic import Diagnostic, Severity, error

UNSHOWN: Final = "E114"
MOST: Final = 100
"""Errors that are shown: nobody reads thousands, and to place each in its text takes time."""


class CompileError(Exception):
    """A spec cannot be compiled. `str()` of it is the report a person would read.

    Of more than `MOST` errors the first are kept, and the last one, E114, says that there are
    others: so many as are given and `more`, which is infinite where nobody counted.
    """

    def __init__(self, *diagnostics: Diagnostic, more: float = 0) -> None:
        super().__init__(*diagnostics)
        errors = [d for d in diagnostics if d.severity is Severity.ERROR and d.code != UNSHOWN]
        hidden = set(errors[MOST:])
        self.more = more + len(hidden)
        """Errors that are not among the diagnostics."""
        kept = [d for d in diagnostics if d not in hidden]
        if self.more:
            kept.append(_unshown(self.more))
        self.diagnostics: tuple[Diagnostic, ...] = tuple(kept)

    def __str__(self) -> str:
        from archcompiler.diagnostics.render import render

        return render(self.diagnostics, "text")


def _unshown(count: float) -> Diagnostic:
    number = "" if count == inf else f"{count:,.0f} "
    are = "error is" if count == 1 else "errors are"
    return error(UNSHOWN, f"{number}more {are} not shown")
