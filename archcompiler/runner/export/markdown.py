"""Text of unknown origin in a model card: in its Markdown, and in the YAML above it."""

from __future__ import annotations

import re
from typing import Final

from archcompiler.config.toml import quoted
from archcompiler.diagnostics.render.visible import visible

_LONGEST: Final = 200
"""Characters of one text in a card."""
_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>&|~$#!@]|:(?=[/A-Za-z+_-])|(?<=[Ww]{3})\.")
"""A colon begins the rest of an address, or a picture that is named."""


def inline(text: object) -> str:
    """Text that stands in a paragraph or a cell of a table as itself: no markup, link or tag, no
    character that turns text round, and no other line.
    """
    return _SPECIAL.sub(_escaped, visible(_cut(str(text))))


def code(text: object) -> str:
    """Text as code, in a paragraph or a cell of a table."""
    shown = visible(_cut(str(text))).replace("|", "\\|")
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}" if longest else f"{fence}{shown}{fence}"


def scalar(text: object) -> str:
    """Text as a scalar of YAML, which has every escape of a quoted string of TOML."""
    return quoted(_cut(str(text)))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _escaped(found: re.Match[str]) -> str:
    # Entities, where a backslash would leave what a plainer reader of Markdown takes for a tag.
    entities = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;", "@": "&#64;"}
    return entities.get(found[0], f"\\{found[0]}")
