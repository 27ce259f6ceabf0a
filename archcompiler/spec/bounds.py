"""What a spec expects of a quantity: `"<= 32M"`, `">= 6G, < 6.5G"`, `56`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

ANY: Final = "any"
"""Expects nothing: takes back what an extended spec expects."""
EXAMPLE: Final = 'for example `"<= 32M"`, `">= 6G, < 6.5G"` or `56`'
QUANTITIES: Final = ("params", "macs", "memory", "depth")
"""What can be compared."""
_TERM: Final = re.compile(
    r"\s*(?P<sign><=|>=|<|>|==)?\s*(?P<number>\d[\d_]{0,30}(?:\.\d{1,30})?)\s*"
    r"(?P<prefix>[kMGT]?)(?P<binary>i?)B?\s*",
    re.ASCII,
)
_WORDS: Final = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than", "==": ""}
_PREFIXES: Final = ("", "k", "M", "G", "T")


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison; what is written as equal is met by what rounds to it."""

    sign: str
    value: Decimal
    digit: Decimal
    """What the last written digit stands for."""

    def holds(self, actual: int) -> bool:
        match self.sign:
            case "<=":
                return actual <= self.value
            case ">=":
                return actual >= self.value
            case "<":
                return actual < self.value
            case ">":
                return actual > self.value
        return abs(actual - self.value) * 2 < self.digit or actual == self.value

    def __str__(self) -> str:
        number = f"{self.value:,f}"
        number = number.rstrip("0").rstrip(".") if "." in number else number
        return f"{_WORDS[self.sign]} {number}".strip()


def parse_bounds(value: object) -> tuple[Bound, ...] | None:
    """The comparisons of a value; None if it is no such value."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if value == ANY:
        return ()
    terms = [_TERM.fullmatch(term) for term in str(value)[:200].split(",")]
    found = [_bound(term) for term in terms if term is not None]
    return tuple(found) if len(found) == len(terms) else None


def wrong_bounds(name: str, value: object) -> str | None:
    """What is wrong with what is said of a quantity; None if nothing is."""
    found = parse_bounds(value)
    if found is None:
        return f"`{name}` must be a number or a comparison"
    if "B" in str(value) and name != "memory":
        return f"`{name}` is no number of bytes"
    low = max((b for b in found if ">" in b.sign), key=lambda b: b.value, default=None)
    high = min((b for b in found if "<" in b.sign), key=lambda b: b.value, default=None)
    if low is not None and high is not None and low.value > high.value:
        return f"`{name}` must be {low} and {high}, which nothing is"
    return None


def sides_of(size: object, dims: int) -> tuple[int, ...] | None:
    """The sides that an entry of `valid` means in so many dimensions; None if it is none."""
    given = size if isinstance(size, tuple | list) else (size,) * dims
    sides = tuple(side for side in given if isinstance(side, int) and not isinstance(side, bool))
    return sides if len(sides) == len(given) == dims else None


def _bound(term: re.Match[str]) -> Bound:
    base = Decimal(1024 if term["binary"] else 1000)
    unit = base ** _PREFIXES.index(term["prefix"])
    number = term["number"].replace("_", "")
    digits = len(number.partition(".")[2])
    return Bound(term["sign"] or "==", Decimal(number) * unit, unit / Decimal(10) ** digits)
