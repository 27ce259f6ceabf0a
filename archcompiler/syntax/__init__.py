"""TOML and JSON text to values, and values back to their places in the text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error
from archcompiler.syntax.document import Document, Part
from archcompiler.syntax.limits import excess, overstepped

__all__ = ["Document", "Part", "parse"]


def parse(source: Source) -> Document:
    """Read the values of a spec.

    Raises CompileError: E110 bad syntax, E111 a duplicate key, E112 not a table at the top,
    E113 nested too deep.
    """
    if (problem := excess(source)) is not None:
        raise CompileError(*(_errors_before(problem) or [problem]))
    try:
        document = Document(source, _load(source))
    except RecursionError:
        # The text is within bounds: it is the caller that has used up the stack.
        raise CompileError(error("E113", f"no stack left to read `{source.name}`")) from None
    if problems := overstepped(document.values, document):
        raise CompileError(*problems)
    return document


def _load(source: Source) -> dict[str, Any]:
    if source.format == "json":
        from archcompiler.syntax.json import load
    else:
        from archcompiler.syntax.toml import load
    return load(source)


def _errors_before(problem: Diagnostic) -> list[Diagnostic]:
    """What is wrong in the text before a problem, which it may have caused.

    The text is cut there, so what the parsers say of its end does not count.
    """
    assert problem.span is not None
    source = problem.span.source
    text = source.text[: problem.span.start].rstrip()
    try:
        _load(replace(source, text=text))
    except CompileError as exc:
        return [
            replace(found, span=Span(source, found.span.start, found.span.end))
            for found in exc.diagnostics
            if found.span is not None and found.span.start < len(text)
        ]
    return []
