"""What the compiler has to say about a spec."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from archcompiler.diagnostics.span import Span


class Severity(StrEnum):
    """An error stops the compilation, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: a code such as E203, a lower-case message, and the text it is about.

    `notes` give facts; `help` is there only where there is a likely fix. Each is one line.
    """

    code: str
    severity: Severity
    message: str
    span: Span | None = None
    notes: tuple[str, ...] = ()
    help: str | None = None


def error(
    code: str,
    message: str,
    span: Span | None = None,
    *,
    notes: Iterable[str] = (),
    help: str | None = None,
) -> Diagnostic:
    """A diagnostic that stops the compilation."""
    return Diagnostic(code, Severity.ERROR, message, span, tuple(notes), help)


def warning(
    code: str,
    message: str,
    span: Span | None = None,
    *,
    notes: Iterable[str] = (),
    help: str | None = None,
) -> Diagnostic:
    """A diagnostic that lets the compilation go on."""
    return Diagnostic(code, Severity.WARNING, message, span, tuple(notes), help)
