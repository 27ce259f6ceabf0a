"""Means and intervals beside printed tables of Student's t and sums by hand."""

from __future__ import annotations

import math

import pytest

from archcompiler.study.spread import Spread, student_probability, student_quantile

# Two-sided, as tables of statistics print them.
TABLE = [
    (0.95, 1, 12.706), (0.95, 2, 4.303), (0.95, 3, 3.182), (0.95, 4, 2.776), (0.95, 5, 2.571),
    (0.95, 9, 2.262), (0.95, 10, 2.228), (0.95, 29, 2.045), (0.95, 30, 2.042), (0.95, 120, 1.980),
    (0.90, 1, 6.314), (0.90, 4, 2.132), (0.99, 2, 9.925), (0.99, 7, 3.499), (0.999, 3, 12.924),
]  # fmt: skip


@pytest.mark.parametrize(("confidence", "degrees", "value"), TABLE)
def test_a_quantile_is_that_of_the_tables(confidence: float, degrees: int, value: float) -> None:
    assert round(student_quantile(confidence, degrees), 3) == value


def test_small_degrees_have_closed_forms() -> None:
    for t in (0.1, 1.0, 3.7, 50.0):
        assert student_probability(t, 1) == pytest.approx(2 / math.pi * math.atan(t), abs=1e-15)
        assert student_probability(t, 2) == pytest.approx(t / math.sqrt(2 + t * t), abs=1e-15)


def test_many_degrees_are_the_normal_distribution() -> None:
    assert student_quantile(0.95, 999) == pytest.approx(1.95996, rel=2e-3)


def test_the_spread_of_three() -> None:
    spread = Spread((1.0, 2.0, 3.0))
    assert (spread.mean, spread.deviation) == (2.0, 1.0)
    half = 4.302653 / math.sqrt(3)
    assert spread.interval == pytest.approx((2 - half, 2 + half), abs=1e-6)


def test_nothing_is_known_of_too_few() -> None:
    one = Spread((0.5,))
    assert (one.mean, one.deviation, one.interval) == (0.5, None, None)
    assert (Spread(()).mean, Spread(()).interval) == (None, None)
