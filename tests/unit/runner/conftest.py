from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from unit.runner.jobs import QUICK, TINY, Jobs

import archcompiler
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.training import Job


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
            **{"quiet": True, **options},
        )

    return make


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """`read_only(FOLDER)`: as a mount, for root may write into any folder."""

    def mount(folder: Path) -> None:
        opened = Path.open

        def open(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
            if path.is_relative_to(folder) and mode.strip("bt") != "r":
                raise OSError(errno.EROFS, "Read-only file system", str(path))
            return opened(path, mode, *more, **options)

        monkeypatch.setattr(Path, "open", open)

    return mount


@pytest.fixture
def switches() -> Iterator[None]:
    """Puts torch's switches back."""
    kept = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = kept
    torch.backends.cudnn.benchmark = False
