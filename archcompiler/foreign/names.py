"""Which of several alike operators are meant by which names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_WORD: Final = re.compile(r"[0-9]+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Decision(NamedTuple):
    """Pairs of names, ours first, and the rule that they are by."""

    pairs: tuple[tuple[str, str], ...]
    rule: str


def decide(ours: Sequence[str], theirs: Sequence[str]) -> Decision | None:
    """Pair names by the words in which each side differs, or None where they do not say.

    There are two rules. Where on both sides one number is all in which the names differ, the
    lowest goes with the lowest. Otherwise those go together that share a word which the others of
    their side have not, if that leaves each with one of the other side and no other.
    """
    by_number = [_numbered(names) for names in (ours, theirs)]
    if by_number[0] is not None and by_number[1] is not None:
        pairs = tuple(zip(by_number[0], by_number[1], strict=True))
        return Decision(pairs, "by the order of their numbers")
    own = [_distinguishing(names) for names in (ours, theirs)]
    found = [
        (name, other)
        for name, words in own[0].items()
        for other, others in own[1].items()
        if words & others
    ]
    if len({a for a, _ in found}) == len({b for _, b in found}) == len(found) == len(ours):
        return Decision(tuple(found), "by the words that their names share")
    return None


def words(name: str) -> tuple[str, ...]:
    """`layer1.conv_a.convB` as `layer`, `1`, `conv`, `a`, `conv`, `b`."""
    return tuple(word.lower() for word in _WORD.findall(name))


def _numbered(names: Sequence[str]) -> list[str] | None:
    """The names by the one number in which they differ; None if they differ in anything else."""
    split = {name: words(name) for name in names}
    if len({len(own) for own in split.values()}) != 1:
        return None
    differing = [i for i, column in enumerate(zip(*split.values(), strict=True)) if _varies(column)]
    if len(differing) != 1 or not all(own[differing[0]].isdigit() for own in split.values()):
        return None
    numbers = {name: int(own[differing[0]]) for name, own in split.items()}
    if len(set(numbers.values())) != len(names):
        return None
    return sorted(names, key=lambda name: numbers[name])


def _varies(column: tuple[str, ...]) -> bool:
    return len(set(column)) > 1


def _distinguishing(names: Sequence[str]) -> dict[str, set[str]]:
    """The words of each name that not all of them have."""
    split = {name: set(words(name)) for name in names}
    shared = set.intersection(*split.values())
    return {name: own - shared for name, own in split.items()}
