"""A network and a recipe that train in a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import archcompiler
from archcompiler.runner.folder import RunFolder
from archcompiler.runner.loading import load_recipe
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


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def job(tmp_path: Path) -> Jobs:
    """Jobs of the tiny network in a folder below `tmp_path`, with settings of the recipe."""

    def make(folder: str, *settings: str, recipe: str = "smoke", **options: Any) -> Job:
        spec = options.pop("spec", TINY)
        return Job(
            archcompiler.compile(spec),
            load_recipe(recipe, (*QUICK, *settings)),
            RunFolder(tmp_path / folder),
            quiet=True,
            **options,
        )

    return make
