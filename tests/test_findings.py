"""The results that `docs/findings.md` tells are those of the runs beside it."""

from __future__ import annotations

import csv
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
T_OF_FOUR = 2.776445
"""Student's t of 95 % for the differences of five runs, from a table."""


def runs(study: str) -> dict[str, dict[str, float]]:
    """Accuracies in per cent by seed, of each network with each setting."""
    found: dict[str, dict[str, float]] = {}
    text = (ROOT / "docs" / "findings" / f"{study}.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        name = " ".join(filter(None, (row["network"], row.get("augment.label_noise"))))
        found.setdefault(name, {})[row["seed"]] = 100 * float(row["accuracy"])
    return found


def told(first: str) -> list[str]:
    """The cells of a row of the page behind its first."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \|(.*)\|$", PAGE, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


NETWORKS = {"56": "attention56_cifar", "92": "attention92_cifar", "128": "attention128"}
CASES = [
    *(
        ("small_residual_against_naive", f"Attention-{depth}", name, f"{name}_naive")
        for depth, name in NETWORKS.items()
    ),
    *(
        ("small_label_noise", f"{share}0 %", f"attention 0.{share}", f"trunk 0.{share}")
        for share in (1, 3, 5, 7)
    ),
]


@pytest.mark.parametrize(("study", "row", "name", "other"), CASES)
def test_what_is_told_is_what_came_out(study: str, row: str, name: str, other: str) -> None:
    found = runs(study)
    ours, theirs = found[name], found[other]
    assert list(ours) == list(theirs) == ["0", "1", "2", "3", "4"]
    apart = [ours[seed] - theirs[seed] for seed in ours]
    mean, half = statistics.fmean(apart), T_OF_FOUR * statistics.stdev(apart) / 5**0.5
    assert told(row) == [
        f"{statistics.fmean(ours.values()):.2f}",
        f"{statistics.fmean(theirs.values()):.2f}",
        f"{mean:.2f} ± {half:.2f}",
        "yes" if abs(mean) > half else "no",
    ]
