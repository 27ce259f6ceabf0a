"""`archcompiler predict`: what a trained network says images are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archcompiler.diagnostics import Diagnostic
from archcompiler.runner.data.listing import list_given
from archcompiler.runner.engine.inference import Inference
from archcompiler.runner.recipe.choices import OnError
from archcompiler.runner.report.predictions import Prediction
from archcompiler.runner.report.progress import Progress
from archcompiler.runner.store.trained import Trained


@dataclass(frozen=True)
class Predictions:
    """What is said of each image, and how it was looked at."""

    images: tuple[Prediction, ...]
    missed: dict[str, str]
    """Files that could not be read, by path, and why."""
    size: tuple[int, int]
    """(H, W)"""
    warnings: tuple[Diagnostic, ...]


def predict(
    trained: Trained,
    paths: Sequence[Path],
    *,
    top: int,
    crops: int,
    size: tuple[int, int] | None,
    on_error: OnError | None,
) -> Predictions:
    """The `top` classes of each image, and of all images in folders.

    Raises CompileError: E703 if the network cannot take the size, E704 for a folder without images,
    E707 for the device, E712 for an image that cannot be read unless those are to be skipped,
    and if none can be read.
    """
    inference = Inference.prepare(trained, size, crops)
    given = inference.given(list_given(paths), on_error)
    found: list[Prediction] = []
    with Progress(len(given.files), what="image", err=True) as progress, inference.fitting():
        for names, views in given.batches():
            found += inference.predict(names, views, top)
            progress.step(len(found))
    given.require_some()
    return Predictions(tuple(found), given.missed, inference.size, tuple(given.warnings()))
