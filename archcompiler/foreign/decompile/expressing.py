"""Numbers that differ from use to use of a block as expressions of its sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def expression(name: str, uses: Sequence[Use], values: Sequence[Any]) -> Any:
    """The value itself where all are equal, or the text of an expression; None if none fits.

    A width is told by the channels of the block where it can be, also where it is the same in all.
    """
    same = all(value == values[0] for value in values)
    if name not in ("channels", "features", "groups", "stride", "kernel"):
        return values[0] if same else None
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return values[0] if same else None
    if same and name in ("groups", "stride", "kernel") and values[0] < 8:
        return values[0]
    if name in ("stride", "kernel"):
        fits = all(value == use.stride for value, use in zip(values, uses, strict=True))
        return "stride" if fits else (values[0] if same else None)
    for text in _widths(uses, values):
        return text
    return values[0] if same else None


def _widths(uses: Sequence[Use], values: Sequence[int]) -> Iterator[str]:
    bases = {
        "c": [use.c for use in uses],
        "cin": [use.cin for use in uses],
        "(c - cin)": [use.c - use.cin for use in uses],
    }
    for name, numbers in bases.items():
        if not all(numbers):
            continue
        ratios = {Fraction(value, number) for value, number in zip(values, numbers, strict=True)}
        if len(ratios) > 1:
            continue
        (ratio,) = ratios
        bare = name.strip("()")
        if ratio == 1:
            yield bare
        elif ratio.denominator == 1 and ratio.numerator <= _MOST:
            yield f"{ratio.numerator} * {name}"
        elif ratio.numerator == 1 and ratio.denominator <= _MOST:
            yield f"{name} / {ratio.denominator}"
        elif ratio.numerator <= _MOST and ratio.denominator <= _MOST:
            yield f"{name} * {ratio.numerator} / {ratio.denominator}"
