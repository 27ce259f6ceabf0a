"""As much of the grammars as it takes to tell brackets and numbers from strings and comments."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = r"(?P<word>[\w+-]+(?:\.[\w+-]+)*)"

# What comes before the first syntax error is told apart rightly, what comes after it may not be.
# A string that is not closed ends with its line or the text, and has a group named `open_…`.
# No text is tried twice, so the time is linear in it.
TOKENS: Final = {
    "toml": re.compile(
        r'"""(?:[^\\]|\\.)*?(?:"{3,5}|(?P<open_basic_text>\\?\Z))'
        r"|'''.*?(?:'{3,5}|(?P<open_literal_text>\Z))"
        r'|"(?:[^"\\\n]|\\[^\n])*+(?:"|(?P<open_basic>))'
        r"|'[^'\n]*+(?:'|(?P<open_literal>))"
        r"|\#[^\n]*+"
        rf"|(?P<mark>[\]\[{{}}=,.\n])|{_WORD}",
        re.DOTALL,
    ),
    "json": re.compile(
        rf'"(?:[^"\\]|\\.)*+(?:"|(?P<open_basic>))|(?P<mark>[\]\[{{}}])|{_WORD}',
        re.DOTALL,
    ),
}


def open_bracket(text: str, end: int) -> int | None:
    """Where the innermost TOML bracket is that is open at `end`."""
    opened: list[int] = []
    for token in TOKENS["toml"].finditer(text, 0, end):
        if token["mark"] in ("[", "{"):
            opened.append(token.start())
        elif token["mark"] in ("]", "}") and opened:
            opened.pop()
    return opened[-1] if opened else None


def open_string(text: str) -> tuple[int, int] | None:
    """Where, on its first line, the first TOML string that is not closed is."""
    for token in TOKENS["toml"].finditer(text):
        if (token.lastgroup or "").startswith("open"):
            return token.start(), token.start() + len(token[0].partition("\n")[0])
    return None
