"""The part of a source line that is worth showing, and where in it to underline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from archcompiler.diagnostics.render.visible import cell
from archcompiler.diagnostics.span import Span

MAX_CELLS: Final = 100
_LEAD: Final = 30
_CUT: Final = "..."


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A printable line; the underline starts after `indent` cells and is `length` long."""

    line: str
    indent: int
    length: int


def excerpt(span: Span) -> Excerpt:
    """The line a span starts on, cut down to the span's surroundings if it is long.

    Of a span over several lines the first is underlined; an empty span gets one mark.
    """
    location = span.location
    line = span.source.line(location.line)
    start = min(location.column - 1, len(line))
    end = min(max(start + span.end - span.start, start), len(line))
    first, last = _window(line, start)
    before = _CUT if first else ""
    shown = [cell(character) for character in line[first:last]]
    return Excerpt(
        before + "".join(text for text, _ in shown) + (_CUT if last < len(line) else ""),
        len(before) + sum(width for _, width in shown[: start - first]),
        max(sum(width for _, width in shown[start - first : end - first]), 1),
    )


def _window(line: str, start: int) -> tuple[int, int]:
    """The characters to show: `start` with some before it, and what fits after it."""
    if len(line) <= MAX_CELLS and sum(map(_cost, line)) <= MAX_CELLS:
        return 0, len(line)
    first, room = _back(line, start, _LEAD)
    last, room = start, room + MAX_CELLS - _LEAD
    while last < len(line) and (cost := _cost(line[last])) <= room:
        last, room = last + 1, room - cost
    if last == len(line):
        first, _ = _back(line, first, room)
    return first, last


def _back(line: str, index: int, room: int) -> tuple[int, int]:
    while index and (cost := _cost(line[index - 1])) <= room:
        index, room = index - 1, room - cost
    return index, room


def _cost(character: str) -> int:
    """Cells a character takes; marks on top of others are not free, or a line has no end."""
    return max(cell(character)[1], 1)
