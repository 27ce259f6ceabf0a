"""What a pass found: a diagnostic that knows its place in the spec, but not yet in a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import Diagnostic, Severity, Span
from archcompiler.syntax.document import Part


class Finding(NamedTuple):
    """Something wrong at `scope` in the graph, and the values of the spec that may be to blame."""

    code: str
    message: str
    origins: tuple[SpecPath, ...]
    """Paths in the spec: the first that is written there is the one to point at."""
    scope: str
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: Severity = Severity.ERROR
    columns: tuple[int, int] | None = None
    """The characters of a string value at the first origin that are meant."""
    part: Part = "value"
    """The part of the first origin that is meant."""
    fatal: bool = False
    """Whether later passes would report what only follows from this."""

    def diagnostic(
        self,
        written: Callable[[SpecPath, Part], Span | None],
        default: Callable[[SpecPath, Part], Span | None],
    ) -> Diagnostic:
        """With a place in a file: of the first origin `written` there, else by `default`."""
        spans = (
            span for origin in self.origins if (span := written(origin, self.part)) is not None
        )
        span = next(spans, None) or default(self.origins[0], self.part)
        if span is not None and self.columns is not None:
            span = span.part(*self.columns)
        place = (f"in {self.scope}",) if self.scope else ()
        notes = (*place, *self.notes)
        return Diagnostic(self.code, self.severity, self.message, span, notes, self.help)
