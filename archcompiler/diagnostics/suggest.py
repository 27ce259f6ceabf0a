"""Guessing what a misspelt word was meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# difflib's time grows with the square of the length, and the word is anyone's.
_LONGEST: Final = 100


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate closest to `word` whatever the case; None if none is close or it is one."""
    from difflib import get_close_matches

    by_folded: dict[str, str] = {}
    for candidate in candidates:
        if candidate == word:
            return None
        by_folded.setdefault(candidate.casefold(), candidate)
    if len(word) > _LONGEST:
        return None
    matches = get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None
