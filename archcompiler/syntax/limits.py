"""Bounds on what a spec may hold, checked before and after the parsers see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from archcompiler.diagnostics import Diagnostic, Source, Span, error
from archcompiler.syntax.tokens import TOKENS

if TYPE_CHECKING:
    from archcompiler.syntax.document import Written

Path: TypeAlias = tuple[str | int, ...]

MAX_DEPTH: Final = 64
# To place a report takes time that grows with the text; nobody reads more of one cause.
MAX_REPORTS: Final = 20
# Python may refuse to read longer integers: this is the least its own bound can be set to.
MAX_DIGITS: Final = 640
_INT64: Final = range(-(1 << 63), 1 << 63)


def excess(source: Source) -> Diagnostic | None:
    """The first thing that the parsers are not to see: E113 too deep, E110 a number.

    What comes before it in the text is within bounds.
    """
    depth = dots = 0
    for token in TOKENS[source.format].finditer(source.text):
        word = token["word"]
        if word is not None:
            dots += word.count(".")
            if sum(map(str.isdecimal, word)) > MAX_DIGITS:
                return error(
                    "E110", f"a number of more than {MAX_DIGITS} digits", _span(source, token)
                )
            if source.format == "json" and word.lstrip("-") in ("NaN", "Infinity"):
                return error("E110", f"`{word}` is not JSON", _span(source, token))
        elif token["mark"] is not None:
            mark = token["mark"]
            dots = dots + 1 if mark == "." else 0
            if mark in "[{":
                depth += 1
            elif mark in "]}":
                depth = max(depth - 1, 0)
        if depth > MAX_DEPTH or dots > MAX_DEPTH:
            return _too_deep(_span(source, token))
    return None


def _span(source: Source, token: re.Match[str]) -> Span:
    return Span(source, *token.span())


def overstepped(values: Any, text: Written, path: Path = ()) -> list[Diagnostic]:
    """The values that the parsers took and nobody after them could use: E110, E113.

    They were read from `text` and stand at `path` in it. At most the first `MAX_REPORTS`.
    """
    return list(islice(_overstepped(values, text, path), MAX_REPORTS))


def _overstepped(values: Any, text: Written, path: Path) -> Iterator[Diagnostic]:
    waiting: list[tuple[Path, Any]] = [(path, values)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict | list):
            if len(path) > MAX_DEPTH:
                yield _too_deep(text.span(path))
                continue
            steps = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend([((*path, step), inner) for step, inner in steps][::-1])
        if path and isinstance(path[-1], str) and _is_broken(path[-1]):
            yield error("E110", "half of a surrogate pair in a key", text.span(path, "key"))
        if isinstance(value, str) and _is_broken(value):
            yield error("E110", "half of a surrogate pair in a string", text.span(path))
        elif isinstance(value, int) and value not in _INT64:
            yield error("E110", "an integer that does not fit in 64 bits", text.span(path))
        elif isinstance(value, float) and text.source.format == "json" and not isfinite(value):
            yield error("E110", "a number too large for floating point", text.span(path))


def _too_deep(span: Span) -> Diagnostic:
    return error("E113", f"nested more than {MAX_DEPTH} deep", span)


def _is_broken(text: str) -> bool:
    """Whether UTF-8 cannot hold the text."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
