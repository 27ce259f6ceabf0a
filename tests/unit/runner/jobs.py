"""A network and a recipe that train in a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archcompiler.runner.training import Job

TINY: dict[str, Any] = {
    "name": "tiny",
    "input": [3, 32, 32],
    "classes": 10,
    "stem": {"type": "conv", "channels": 4, "stride": 4},
    "stages": [{"channels": 8, "modules": 1, "depth": 1}],
}
QUICK = (
    "iterations=12",
    "checkpoint_every=4",
    "batch_size=16",
    "evaluation_images=50",
    "log_every=5",
)

Jobs = Callable[..., Job]
"""Makes a job of the tiny network: `job(FOLDER, *SETTINGS, spec=…, recipe=…, resume=…)`."""
