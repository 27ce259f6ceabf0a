"""Whole runs: fast settings against float32 in eager mode, in accuracy and in time."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from archcompiler.runner.report.metrics import read_metrics
from benchmarks.gpu.commands import Commands
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stepping import PLAIN
from benchmarks.timing import Comparison

SPECS = ("attention56_cifar", "attention92_cifar")


def measure(setting: Setting) -> Iterator[Comparison]:
    """The last accuracy, and seconds an image without the first lines of a run's metrics."""
    short = ("iterations=4", "log_every=1", "evaluation_images=50") if setting.quick else ()
    for spec in setting.specs or SPECS:
        runs = Commands(setting, spec, 16 if setting.quick else 256)
        fast = runs.finish("fast", short)
        plain = runs.finish("plain", (*short, *PLAIN))
        a, b = _accuracy(fast), _accuracy(plain)
        yield _one(f"{spec}, {runs.recipe}, fast settings: accuracy", "float32's", a, b, "")
        a, b = _seconds(fast), _seconds(plain)
        words = f"{spec}, fast settings, {1 / a:,.0f} images/s"
        yield _one(words, f"float32 in eager mode, {1 / b:,.0f}", a, b, "s an image")


def _one(what: str, against: str, value: float, other: float, unit: str) -> Comparison:
    ratio = value / other
    return Comparison(what, against, value, other, ratio, ratio, ratio, unit=unit)


def _accuracy(folder: Path) -> float:
    rows = read_metrics(folder / "metrics.jsonl")
    return float([row["accuracy"] for row in rows if row["split"] != "train"][-1])


def _seconds(folder: Path) -> float:
    rows = [r for r in read_metrics(folder / "metrics.jsonl") if r["split"] == "train"]
    return 1 / statistics.median(row["images_per_second"] for row in rows[2:] or rows)
