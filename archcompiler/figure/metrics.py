"""Widths of text in Helvetica, whose metrics Arial, Liberation Sans and Arimo share."""

from __future__ import annotations

import unicodedata
from typing import Final

CAP_HEIGHT: Final = 0.72
DESCENT: Final = 0.21
BOLD: Final = 1.07
"""Helvetica-Bold is at most this much wider on the text of a figure."""

_PRINTABLE: Final = """
278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278
556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556
1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778
667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556
333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556
556 556 333 500 278 556 500 722 500 500 500 334 260 334 584
"""
"""Thousandths of an em, for ASCII from the space on."""

_WIDTHS: Final = {chr(32 + i): int(width) for i, width in enumerate(_PRINTABLE.split())} | {
    "×": 584,
    "·": 278,
    "–": 556,
    "—": 1000,
    "…": 1000,
    "−": 584,
}


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width in points."""
    return sum(map(_em, text)) * size / 1000 * (BOLD if bold else 1)


def _em(character: str) -> int:
    known = _WIDTHS.get(character)
    if known is not None:
        return known
    base = unicodedata.normalize("NFD", character)[0]
    if base in _WIDTHS:
        return _WIDTHS[base]
    if unicodedata.combining(character):
        return 0
    return 1000 if unicodedata.east_asian_width(character) in "WF" else 700


def printable(text: str) -> str:
    """Text without control characters, which no output format can carry, accents composed.

    Joiners stay: Persian and many scripts of India are misspelt without.
    """
    composed = unicodedata.normalize("NFC", text)
    return "".join(c if c.isprintable() or c in "\u200c\u200d" else "\ufffd" for c in composed)


def shorten(text: str, size: float, room: float, bold: bool = False) -> str:
    """One line of `text`, with an ellipsis where it does not fit into `room` points."""
    line = printable(" ".join(text.split()))
    if text_width(line, size, bold) <= room:
        return line
    while line and text_width(line + "…", size, bold) > room:
        line = line[:-1]
    return line.rstrip() + "…"


def wrap(text: str, size: float, room: float) -> list[str]:
    """Lines of words of at most `room` points; a word that is longer is shortened."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(joined, size) <= room:
            lines[-1] = joined
        else:
            lines.append(shorten(word, size, room))
    return lines
