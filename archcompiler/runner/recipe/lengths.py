"""How long something lasts: iterations, or a text that says them by what they are a part of."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final, TypeGuard

LENGTH: Final = r"^[0-9]{1,9}(\.[0-9]{1,9})? ?(epochs?|%)$"
"""`5 epochs`, `0.5 epochs` or `5 %`."""
MOST: Final = 1_000_000_000


def is_length(value: object, least: int) -> TypeGuard[int | str]:
    """Whether a value of a recipe is a length; a share is at most all of the run."""
    match value:
        case bool():
            return False
        case int():
            return least <= value <= MOST
        case str() if re.fullmatch(LENGTH, value, re.ASCII) is not None:
            return not value.endswith("%") or _number(value) <= 100
    return False


def in_iterations(length: int | str, epoch: int, run: int) -> int:
    """A length in iterations, of which an epoch and the whole run have so many."""
    if isinstance(length, int):
        return length
    if length.endswith("%"):
        return round(_number(length) / 100 * run)
    return math.ceil(_number(length) * epoch)


def rises(lengths: Sequence[int | str]) -> bool:
    """Whether each is after the one before it, as far as can be said before a run is settled."""
    for a, b in pairwise(lengths):
        kinds = {_kind(a), _kind(b)}
        if len(kinds) == 1 and _number(str(a)) >= _number(str(b)):
            return False
    return True


def settled(length: int | str) -> int:
    """A length of a recipe that has been settled."""
    assert isinstance(length, int)
    return length


def _kind(length: int | str) -> str:
    return "" if isinstance(length, int) else length[-1].replace("h", "s")


def _number(length: str) -> Fraction:
    """As it is written: 0.28 × 25 as floats is more than 7."""
    return Fraction(length.rstrip("%epochs "))
