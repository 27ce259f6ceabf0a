"""Text of unknown origin, made safe to print and measured in terminal cells."""

from __future__ import annotations

import unicodedata
from typing import Final

_TAB: Final = " " * 4
_COMBINING: Final = frozenset({"Mn", "Me"})


def visible(text: str) -> str:
    """The text with every character that would not show, or not as itself, as an escape.

    Control characters are among them, those that turn text round, and odd spaces.
    """
    if text.isprintable():
        return text
    return "".join(map(_escape, text))


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
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
