"""A network and a recipe that train in a second, and whether two runs ended alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.checkpoint import read
from archcompiler.runner.training import Job

TINY: dict[str, Any] = {
    "name": "tiny",
    "input": [3, 32, 32],
    "classes": 10,
    "stem": {"type": "conv", "channels": 4, "stride": 4},
    "stages": [{"channels": 8, "modules": 1, "depth": 1}],
}
SMALL: dict[str, Any] = {
    "name": "small",
    "input": [3, 32, 32],
    "classes": 10,
    "stem": {"type": "conv", "channels": 16, "stride": 2},
    "stages": [
        {"channels": 32, "modules": 1, "depth": 1},
        {"channels": 64, "modules": 0, "stride": 2},
    ],
}
"""Larger: it learns something in the smoke recipe."""
QUICK = (
    "iterations=12",
    "checkpoint_every=4",
    "batch_size=16",
    "evaluation_images=50",
    "log_every=5",
    "speed.precision=float32",
)

Jobs = Callable[..., Job]
"""Makes a job of the tiny network: `job(FOLDER, *SETTINGS, spec=…, recipe=…, resume=…)`."""


def same(a: Path, b: Path) -> None:
    """The last checkpoints of two runs are the same to the bit."""
    one, two = (read(path / "checkpoints" / "last.pt") for path in (a, b))
    assert one["iteration"] == two["iteration"]
    for part in ("model", "parameters", "momentum"):
        assert one[part].keys() == two[part].keys()
        for name, tensor in one[part].items():
            assert torch.equal(tensor, two[part][name]), f"{part}: {name}"
    assert one["best"] == two["best"]


def curve(folder: Path) -> list[tuple[object, ...]]:
    """What a run has measured, without how long it took."""
    rows = read_metrics(folder / "metrics.jsonl")
    return [(r["iteration"], r["split"], r["loss"], r["accuracy"]) for r in rows]
