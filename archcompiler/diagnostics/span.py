"""The text of a spec, and places in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

Format: TypeAlias = Literal["toml", "json"]


class Location(NamedTuple):
    """A place for people: line and column count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one spec. Lines end at a line feed, as they do for TOML and JSON."""

    name: str
    text: str = field(repr=False)
    format: Format
    path: Path | None = None

    @property
    def is_file(self) -> bool:
        """Whether its name is the path of a file, and not a word for where it comes from."""
        return not self.name.startswith(("<", "--"))

    def location(self, offset: int) -> Location:
        """Line and column of a character offset; offsets outside the text are clamped."""
        offset = min(max(offset, 0), len(self.text))
        line = self.text.count("\n", 0, offset) + 1
        return Location(line, offset - self.text.rfind("\n", 0, offset))

    def offset(self, location: Location) -> int:
        """Character offset of a line and column; clamped to its line and the text."""
        start = 0
        for _ in range(location.line - 1):
            end = self.text.find("\n", start)
            if end < 0:
                return len(self.text)
            start = end + 1
        end = self.text.find("\n", start)
        return min(start + max(location.column - 1, 0), len(self.text) if end < 0 else end)

    def line(self, number: int) -> str:
        """The text of a line without its line end; empty for a line that is not there."""
        lines = self.text.split("\n")
        return lines[number - 1].removesuffix("\r") if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """The characters from `start` up to, not including, `end` of a source."""

    source: Source
    start: int
    end: int

    @property
    def location(self) -> Location:
        """Where the span starts."""
        return self.source.location(self.start)

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    def part(self, start: int, end: int) -> Span:
        """Columns of the words inside a quoted string; the whole where it is written otherwise."""
        text = self.text
        plain = len(text) > 2 and text[0] in "'\"" and text[-1] == text[0] and "\\" not in text
        if not plain or text[1] == text[0] or not 0 <= start < end <= len(text) - 2:
            return self
        return Span(self.source, self.start + 1 + start, self.start + 1 + end)
