"""What is collected while a table is read: its entries, and the mistakes of their form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

from archcompiler.config.located import Located
from archcompiler.config.problems import kind_of
from archcompiler.diagnostics import MOST, Diagnostic, Span, error
from archcompiler.language.expression import (
    Expression,
    ExpressionError,
    parse_expression,
)
from archcompiler.language.reserved import why_reserved
from archcompiler.language.values import unknown_key

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
LONGEST: Final = 64
"""Characters of a name in a block."""
MAX_ENTRIES: Final = {"blocks": 100, "steps": 200, "options": 50, "let": 50}
"""Entries that these tables may have. Of the last two each may be computed from the next."""


class Collector:
    """Reads one table and remembers what is wrong with it."""

    def __init__(self, table: Located) -> None:
        self.table = table
        self.problems: list[Diagnostic] = []

    def expression(self, node: Located) -> Expression | None:
        value = node.value
        if isinstance(value, bool | int | float):
            value = repr(value)
        if not isinstance(value, str):
            self.problems.append(
                wrong_type(f"`{node.path[-1]}`", node, "a number or an expression")
            )
            return None
        try:
            return parse_expression(value)
        except ExpressionError as mistake:
            self.problems.append(at_columns(node, mistake))
            return None

    def entries(self, key: str) -> Iterable[tuple[str, Located]]:
        node = self.table.child(key)
        if node is None:
            return
        if not isinstance(node.value, dict):
            self.problems.append(wrong_type(f"`{key}`", node, "a table"))
            return
        if (excess := beyond(node)) is not None:
            self.problems.append(excess)
            return
        for name, child in node.value.items():
            note, help = "it becomes an identifier in the emitted code", None
            if not IDENTIFIER.fullmatch(name):
                help = "lower-case letters, digits and `_`, with a letter first"
            elif len(name) > LONGEST:
                help = f"at most {LONGEST} characters"
            elif (why := why_reserved(name)) is not None:
                note, help = why, f"`{name}_` is free"
            if help is None:
                yield name, child
            else:
                message = f"`{name}` cannot be a name in a block"
                self.say("E205", message, child.span("key"), (note,), help)

    def known(self, node: Located, keys: tuple[str, ...], what: str) -> None:
        unknown = (child for key, child in node.value.items() if key not in keys)
        # Of more than are told, the others are not worded.
        self.problems += [unknown_key(child, what, keys) for child in islice(unknown, MOST + 1)]

    def say(
        self,
        code: str,
        message: str,
        span: Span,
        notes: Iterable[str] = (),
        help: str | None = None,
    ) -> None:
        self.problems.append(error(code, message, span, notes=notes, help=help))


def beyond(node: Located) -> Diagnostic | None:
    """E204 for a table with more than `MAX_ENTRIES` entries, at the first of those."""
    key, entries = str(node.path[-1]), list(node.value.values())
    most = MAX_ENTRIES[key]
    if len(entries) <= most:
        return None
    message = f"`{key}` must have at most {most} entries, not {len(entries):,}"
    return error("E204", message, entries[most].span("key"))


def at_columns(node: Located, mistake: ExpressionError, code: str = "E220") -> Diagnostic:
    """A mistake in an expression, at the characters of it that are to blame."""
    return error(
        code, mistake.message, columns(node, mistake.start, mistake.end), help=mistake.help
    )


def columns(node: Located, start: int, end: int) -> Span:
    """The columns of a string value in its file; the whole value where it is written otherwise."""
    span = node.span()
    text, value = span.text, node.value
    # A setting has its text bare, a file in quotes.
    quotes = next((n for n in (0, 1) if text[n : len(text) - n] == value and value), None)
    if quotes is None or start >= len(value):
        return span
    at = span.start + quotes
    return Span(span.source, at + start, at + min(max(end, start + 1), len(value)))


def wrong_type(what: str, node: Located, expected: str, help: str | None = None) -> Diagnostic:
    """E203 for a value of another type than is expected."""
    message = f"{what} must be {expected}, not {kind_of(node.value)}"
    return error("E203", message, node.span(), help=help)
