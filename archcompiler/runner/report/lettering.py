"""Fonts for the names in pictures: the one that Pillow carries knows little beyond ASCII."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SYSTEM = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial Unicode.ttf",
    "Arial.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-zenhei.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "malgun.ttf",
)
"""Files that systems have where Pillow looks, the lighter ones first."""
_NO_CHARACTER = "\uffff"


def lettering(size: int, names: Iterable[str]) -> Font:
    """The first font that has a glyph for every character of the names, else the one with most."""
    characters = set().union(*names)
    fonts = (ImageFont.load_default(size), *(f for name in _SYSTEM if (f := _font(name, size))))
    return min(fonts, key=lambda font: len(_missing(font, characters)))


def written(name: str, font: Font) -> str:
    """A name as the font can show it: a character without a glyph by its code."""
    missing = _missing(font, set(name))
    return "".join(c.encode("unicode_escape").decode() if c in missing else c for c in name)


def _missing(font: Font, characters: set[str]) -> set[str]:
    blank = bytes(font.getmask(_NO_CHARACTER))
    return {
        c
        for c in characters
        if not c.isprintable() or (not c.isascii() and bytes(font.getmask(c)) == blank)
    }


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
