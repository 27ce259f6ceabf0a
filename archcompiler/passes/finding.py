"""What a pass found: a diagnostic that knows its place in the spec, but not yet in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archcompiler.diagnostics import Diagnostic, Severity
from archcompiler.ir import SpecPath
from archcompiler.source import Span


@dataclass(frozen=True, slots=True)
class Finding:
    """`origin` is the path in the spec of the value to blame; `scope` is where in the graph."""

    code: str
    message: str
    origin: SpecPath
    scope: str
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: Severity = Severity.ERROR

    def diagnostic(self, span: Callable[[SpecPath], Span | None]) -> Diagnostic:
        place = (f"in {self.scope}",) if self.scope else ()
        notes = (*place, *self.notes)
        return Diagnostic(
            self.code, self.severity, self.message, span(self.origin), notes, self.help
        )
