"""The axes of a run's curves."""

from __future__ import annotations

import random

import pytest

from archcompiler.runner.report.curves import Panel, _panel


def value(label: str) -> float:
    return float(label.removesuffix("%")) / (100 if label.endswith("%") else 1)


@pytest.mark.parametrize("key", ["loss", "accuracy"])
def test_a_tick_is_where_its_label_says(key: str) -> None:
    draw = random.Random(0)
    for _ in range(500):
        low = draw.random()
        high = min(low + 10 ** draw.uniform(-4, 0), 1.0)
        panel = of(key, low, high)
        labels = [panel.label(tick) for tick in panel.ticks]
        assert [value(label) for label in labels] == pytest.approx(panel.ticks, rel=1e-9)
        assert 2 <= len(labels) <= 7
        assert panel.ticks[0] <= low + 1e-9
        assert high - 1e-9 <= panel.ticks[-1]


def of(key: str, low: float, high: float) -> Panel:
    rows = [{"iteration": n, "split": "train", key: value} for n, value in ((1, low), (2, high))]
    return _panel(rows, key, key, 60, 430)
