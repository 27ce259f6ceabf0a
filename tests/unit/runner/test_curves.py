"""The axes of a run's curves."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from archcompiler.runner.report.curves import Panel, _panel, write_curves
from archcompiler.runner.store.folder import RunFolder


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


def test_evaluations_are_dots_and_training_a_line(tmp_path: Path) -> None:
    rows = [
        {"iteration": 10 * n, "split": split, "loss": 1 / n, "accuracy": n / 10}
        for split, last in (("train", 9), ("test", 4))
        for n in range(1, last)
    ]
    write_curves(rows, "a run", RunFolder(tmp_path))
    text = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert text.count("<circle ") == 2 * 3
    assert [len(line.split()) for line in re.findall(r'points="([^"]*)"', text)] == [8, 3, 8, 3]


def of(key: str, low: float, high: float) -> Panel:
    rows = [{"iteration": n, "split": "train", key: value} for n, value in ((1, low), (2, high))]
    return _panel(rows, key, key, 60, 430)
