"""Numbers that differ from use to use of a block as expressions of its sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, NamedTuple

CONDITIONS: Final = (
    "stride != 1 or cin != c",
    "stride != 1",
    "cin != c",
    "stride == 1 and cin == c",
    "stride == 1",
    "cin == c",
)
_MOST: Final = 128
"""The largest factor that is tried."""


class Use(NamedTuple):
    """What a block is called with."""

    c: int
    cin: int
    stride: int


def condition(uses: Sequence[Use], holds: Sequence[bool]) -> str | None:
    """The condition that holds in these uses and no other; None if there is none."""
    for text in CONDITIONS:
        if all(_holds(text, use) == wanted for use, wanted in zip(uses, holds, strict=True)):
            return text
    return None


def _holds(text: str, use: Use) -> bool:
    strided, wider = use.stride != 1, use.cin != use.c
    return {
        "stride != 1 or cin != c": strided or wider,
        "stride != 1": strided,
        "cin != c": wider,
        "stride == 1 and cin == c": not strided and not wider,
        "stride == 1": not strided,
        "cin == c": not wider,
    }[text]


def relative(table: Mapping[str, Any], use: Use) -> dict[str, Any]:
    """A step of a block that is used once, with a number that the block is called with by its name.

    A share of the channels may be chance, and stays a number.
    """
    return {name: _by_name(name, value, use) for name, value in table.items()}


def _by_name(name: str, value: Any, use: Use) -> Any:
    if name == "stride":
        return "stride" if value == use.stride > 1 else value
    if name in ("channels", "features", "groups") and not isinstance(value, str):
        return "c" if value == use.c else "cin" if value == use.cin else value
    return value


def agreed(name: str, uses: Sequence[Use], values: Sequence[Any]) -> tuple[Any, list[bool]]:
    """What an argument is written as in most uses, and in which it is that.

    A width is told by the channels of the block where it can be, also where it is the same in all.
    """
    said = [list(_ways(name, use, value)) for use, value in zip(uses, values, strict=True)]
    count = Counter(text for own in said for text in own)
    most = max(count.values())
    best = next(text for own in said for text in own if count[text] == most)
    value = best.value if isinstance(best, _Plain) else best
    return value, [best in own for own in said]


@dataclass(frozen=True)
class _Plain:
    """A value as it is."""

    key: str
    value: Any = field(compare=False)


def _ways(name: str, use: Use, value: Any) -> Iterator[Any]:
    """Ways to write an argument in one use, the best first."""
    plain = _Plain(repr(value), value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and name in ("channels", "features"):
        yield from _widths(use, value)
    elif whole and name == "stride" and value == use.stride > 1:
        yield "stride"
    yield plain
    if whole and name == "stride" and value == use.stride == 1:
        yield "stride"
    if whole and name == "groups":
        yield from _widths(use, value)


def _widths(use: Use, value: int) -> Iterator[str]:
    for name, number in (("c", use.c), ("cin", use.cin), ("(c - cin)", use.c - use.cin)):
        if number <= 0:
            continue
        ratio = Fraction(value, number)
        if max(ratio.numerator, ratio.denominator) > _MOST:
            continue
        if ratio == 1:
            yield name.strip("()")
        elif ratio.denominator == 1:
            yield f"{ratio.numerator} * {name}"
        elif ratio.numerator == 1:
            yield f"{name} / {ratio.denominator}"
        else:
            yield f"{name} * {ratio.numerator} / {ratio.denominator}"
