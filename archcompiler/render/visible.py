"""Text of unknown origin, made safe to print and measured in terminal cells."""

from __future__ import annotations

import unicodedata
from typing import Final

_TAB: Final = " " * 4
# Control, format (which can turn the direction of text round), surrogate, line and paragraph.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_COMBINING: Final = frozenset({"Mn", "Me"})


def visible(text: str) -> str:
    """The text with every character that would not show written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


def cell(character: str) -> tuple[str, int]:
    """How a character of a source line is printed, and how many terminal cells that takes."""
    if character == "\t":
        return _TAB, len(_TAB)
    shown = _escape(character)
    if len(shown) > 1:
        return shown, len(shown)
    if unicodedata.category(character) in _COMBINING:
        return shown, 0
    return shown, 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _escape(character: str) -> str:
    if unicodedata.category(character) in _HIDDEN:
        return character.encode("unicode_escape").decode("ascii")
    return character
