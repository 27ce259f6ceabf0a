"""Where the parts of a mask stand: in a staircase as the paper draws it, or upright in a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from archcompiler.figure.cards import LINE
from archcompiler.figure.scene import Point

PITCH = 32.0
"""From one resolution down to the next, in a staircase."""
CIRCLE = 11.0
"""Of a sum."""
UNIT = 2 * LINE + 4.4
"""Height of a row of units, and of a pooling."""
RESAMPLE = LINE + 4.4
APART = 8.0
"""Between what stands one above the other, upright."""


class Columns(Protocol):
    """Places of the parts of each level, from 1, in a mask of some depth.

    Points are from the left edge of the mask and the centre of its first pooling.
    """

    unit: float
    low: float
    """The lowest units and, above them, the skip units."""
    inward: ClassVar[tuple[str, str]]
    """The sides by which a wire leaves a pooling and meets the units of its level."""
    upward: ClassVar[tuple[str, str]]
    """The same from a sum to units, and from these to an interpolation."""

    @property
    def last(self) -> float:
        """Width of what stands where the mask ends."""

    def pool_at(self, level: int, depth: int) -> Point: ...
    def down_at(self, level: int, depth: int) -> Point: ...
    def skip_at(self, level: int, depth: int) -> Point: ...
    def add_at(self, level: int, depth: int) -> Point: ...
    def rise_at(self, level: int, depth: int) -> Point: ...
    def up_at(self, level: int, depth: int) -> Point: ...


@dataclass
class Stairs:
    """A step to the right for each level on the way down, and for each on the way up."""

    inward: ClassVar[tuple[str, str]] = ("right", "left")
    upward: ClassVar[tuple[str, str]] = ("right", "left")

    unit: float
    low: float
    pool: float
    resample: float
    gap: float

    @property
    def last(self) -> float:
        return self.resample

    def pool_at(self, level: int, depth: int) -> Point:
        x = self.pool / 2 if level == 1 else self._down(level - 1, depth)
        return x, (level - 1) * PITCH

    def down_at(self, level: int, depth: int) -> Point:
        return self._down(level, depth), (level - 1) * PITCH

    def skip_at(self, level: int, depth: int) -> Point:
        return self._down(depth, depth), (level - 1) * PITCH

    def add_at(self, level: int, depth: int) -> Point:
        return self._up(level + 1, depth), (level - 1) * PITCH

    def rise_at(self, level: int, depth: int) -> Point:
        x = self._up(level + 1, depth) + CIRCLE / 2 + self.gap * 0.7 + self.unit / 2
        return x, (level - 1) * PITCH

    def up_at(self, level: int, depth: int) -> Point:
        return self._up(level, depth), (level - 1) * PITCH

    def _down(self, level: int, depth: int) -> float:
        own = self.low if level == depth else self.unit
        return self.pool + self.gap + own / 2 + (level - 1) * (self.unit + self.gap)

    def _up(self, level: int, depth: int) -> float:
        bottom = self._down(depth, depth) + self.low / 2 + self.gap + self.resample / 2
        step = CIRCLE / 2 + self.gap * 0.7 + self.unit + self.gap + self.resample / 2
        return bottom + (depth - level) * step


@dataclass
class Upright:
    """Three columns: the way down, the skips with the lowest units below them, the way up."""

    inward: ClassVar[tuple[str, str]] = ("bottom", "top")
    upward: ClassVar[tuple[str, str]] = ("top", "bottom")

    unit: float
    low: float
    pool: float
    resample: float
    gap: float

    @property
    def last(self) -> float:
        return max(self.unit, self.resample)

    def pool_at(self, level: int, depth: int) -> Point:
        return self._left / 2, self._top(level)

    def down_at(self, level: int, depth: int) -> Point:
        if level == depth:
            return self._middle, self._top(level)
        return self._left / 2, self._across(level)

    def skip_at(self, level: int, depth: int) -> Point:
        return self._middle, self._across(level)

    def add_at(self, level: int, depth: int) -> Point:
        return self._right, self._across(level)

    def rise_at(self, level: int, depth: int) -> Point:
        return self._right, self._top(level) + RESAMPLE / 2 + APART + UNIT / 2

    def up_at(self, level: int, depth: int) -> Point:
        return self._right, self._top(level)

    @property
    def _left(self) -> float:
        return max(self.unit, self.pool)

    @property
    def _middle(self) -> float:
        return self._left + self.gap + self.low / 2

    @property
    def _right(self) -> float:
        return self._middle + self.low / 2 + self.gap + self.last / 2

    def _top(self, level: int) -> float:
        """Of the pooling of a level, and of its interpolation."""
        return (level - 1) * (RISE + APART + UNIT)

    def _across(self, level: int) -> float:
        """Of its units on the way down, its skip and its sum."""
        return self._top(level) + RISE - UNIT / 2


RISE = RESAMPLE / 2 + APART + UNIT + APART + CIRCLE / 2 + UNIT / 2
"""From the middle of an interpolation to the lower edge of the units on the way down."""
