"""Mean, deviation and interval of a few runs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import cache
from math import atan2, cos, pi, sin, sqrt
from typing import Final

CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Spread:
    """What is known of a quantity from independent measurements of it.

    Of one alone neither the deviation nor the interval is known.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.values) if self.values else None

    @property
    def deviation(self) -> float | None:
        """Of the population, estimated from the sample: with n - 1."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def half(self) -> float | None:
        """Half of the interval."""
        count, deviation = len(self.values), self.deviation
        if deviation is None:
            return None
        return student_quantile(CONFIDENCE, count - 1) * deviation / sqrt(count)

    @property
    def interval(self) -> tuple[float, float] | None:
        """That of the mean by Student's t, with probability `CONFIDENCE`."""
        mean, half = self.mean, self.half
        return None if mean is None or half is None else (mean - half, mean + half)


def student_probability(t: float, degrees: int) -> float:
    """Probability that Student's t with so many degrees of freedom is between -t and t.

    The finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4.
    """
    # The angle has the sum in powers of its cosine, which is 0 for no finite t.
    angle = atan2(t, sqrt(degrees))
    first = degrees % 2
    term, total = (cos(angle), 0.0) if first else (1.0, 0.0)
    for power in range(first, degrees - 1, 2):
        total += term
        term *= cos(angle) ** 2 * (power + 1) / (power + 2)
    total *= sin(angle)
    return 2 / pi * (angle + total) if first else total


@cache
def student_quantile(confidence: float, degrees: int) -> float:
    """The t with this probability to be between -t and t, by bisection."""
    low, high = 0.0, 1.0
    while student_probability(high, degrees) < confidence:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        if student_probability(middle, degrees) < confidence:
            low = middle
        else:
            high = middle
    return high
