"""The scale of an axis: from values to places between two ends, with round values in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

LIFT: Final = 0.06
"""Room around the points, as a part of their range."""


class Scale:
    """For values that are not negative, and that a difference of less than one says little of."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        room = max((high - low) * LIFT, high * 0.01, 1.0)
        self.low, self.high = max(0.0, low - room), high + room
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """About five of them."""
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 4))
        step *= next(m for m in (1, 2, 2.5, 5, 10) if (self.high - self.low) / (step * m) <= 6)
        first = math.ceil(self.low / step)
        return [i * step for i in range(first, math.floor(self.high / step) + 1)]
