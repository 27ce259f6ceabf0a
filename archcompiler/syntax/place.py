"""The tree of places that a grammar's tree is turned into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from archcompiler.diagnostics import Diagnostic, Source, Span, error

if TYPE_CHECKING:
    from tree_sitter import Node

Range: TypeAlias = tuple[int, int]
# What brought a value into being decides what may still be added to it in TOML.
Origin: TypeAlias = Literal["value", "header", "headers", "dotted", "implied"]


@dataclass(slots=True)
class Place:
    """Where one value is written, in character offsets, and the places of what is in it."""

    value: Range
    key: Range | None = None
    origin: Origin = "value"
    children: dict[str | int, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clash:
    """A key that is defined a second time: where it is, and where it was before."""

    name: str
    again: Range
    first: Range

    def report(self, source: Source) -> Diagnostic:
        """E111, at the later of the two keys."""
        first = source.location(self.first[0])
        return error(
            "E111",
            f"duplicate key `{self.name}`",
            Span(source, *self.again),
            notes=(f"`{self.name}` is first defined at {first.line}:{first.column}",),
        )


@dataclass(slots=True)
class Places:
    """The place of the whole text, and the keys that cannot be where they are."""

    root: Place
    clashes: list[Clash] = field(default_factory=list)


class Text:
    """Character ranges of a grammar's nodes, which count bytes of UTF-8."""

    def __init__(self, text: str) -> None:
        self._text = text
        # A lone surrogate has no UTF-8; it becomes `?`, which keeps the count of characters.
        self.data = text.encode(errors="replace")
        self._characters: Sequence[int] = range(len(text) + 1)
        if not text.isascii():
            sizes = (len(character.encode(errors="replace")) for character in text)
            indices = (index for index, size in enumerate(sizes) for _ in range(size))
            self._characters = [*indices, len(text)]

    def range(self, node: Node) -> Range:
        """The characters a node covers."""
        return self._characters[node.start_byte], self._characters[node.end_byte]

    def shown(self, node: Node) -> Range:
        """The characters to underline for a value: its bracket, if it has more than a line."""
        start, end = self.range(node)
        if self._text[start : start + 1] in ("[", "{") and "\n" in self._text[start:end]:
            return start, start + 1
        return start, end

    def of(self, node: Node) -> str:
        """The text of a node."""
        start, end = self.range(node)
        return self._text[start:end]

    def first_line(self) -> Range:
        """The first line with something on it, without the white space around it."""
        start = len(self._text) - len(self._text.lstrip())
        end = self._text.find("\n", start)
        line = self._text[start : len(self._text) if end < 0 else end]
        return start, start + len(line.rstrip())


def named(node: Node) -> Iterator[Node]:
    """A node's children that are neither punctuation nor comments."""
    return (child for child in node.children if child.is_named and child.type != "comment")
