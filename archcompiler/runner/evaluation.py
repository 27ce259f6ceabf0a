"""`archcompiler eval`: a trained network on its test images, in one crop or ten, at any size."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.data.augment import Normaliser
from archcompiler.runner.data.crops import Crops, padded, resized, single_crop, ten_crop
from archcompiler.runner.data.files import unreadable
from archcompiler.runner.data.opening import EvaluationView, OpenedSplit, default_view, open_split
from archcompiler.runner.data.source import EvaluationPlan
from archcompiler.runner.engine.evaluate import Score, evaluate
from archcompiler.runner.recipe.choices import Split
from archcompiler.runner.recipe.model import Folder, holds_back
from archcompiler.runner.report.confusion import Confusion, draw_confusion
from archcompiler.runner.report.metrics import json_text
from archcompiler.runner.store.trained import Trained
from archcompiler.runner.store.writing import png, write_result
from archcompiler.runner.system.failures import evaluation_fits, explained
from archcompiler.runner.system.hardware import resolve_device, settle


@dataclass(frozen=True)
class Evaluation:
    """An evaluation and where its picture is."""

    score: Score
    picture: Path
    report: Path
    warnings: tuple[Diagnostic, ...]
    problem: CompileError | None
    """E710 if they could not be written."""


@dataclass(frozen=True)
class View:
    """What of which images is looked at."""

    split: Split
    crops: int
    size: tuple[int, int]
    """(H, W)"""

    def suffix(self, usual: tuple[int, ...]) -> str:
        """Of the names of its files; empty for the test images as training has them."""
        split = "" if self.split == "test" else f"-{self.split}"
        if (self.crops, self.size) == (1, usual):
            return split
        height, width = self.size
        size = f"{height}" if height == width else f"{height}x{width}"
        return f"{split}-{self.crops}crop-{size}"


def evaluate_trained(
    trained: Trained,
    *,
    crops: int,
    size: tuple[int, int] | None,
    limit: int | None,
    output: Path | None = None,
    split: Split = "test",
) -> Evaluation:
    """Evaluate and write `eval.json` and `confusion.png` into the folder `output`, if it can be.

    By default that is the run folder.

    `size` is (H, W). Raises CompileError E703, E704 or E740 for the data, E707 for the device.
    """
    recipe, spec = trained.loaded.recipe, trained.compiled.spec
    device = resolve_device(recipe.device)
    hardware = settle(trained.loaded, device)
    usual = spec.input[1:]
    height, width = size or usual
    trained.require_size(height, width)
    data, classes = recipe.data, trained.classes
    views: Crops = ten_crop((height, width)) if crops == 10 else single_crop
    if isinstance(data, Folder):
        # The margin around the crop grows with it; ten crops need all of it.
        view = default_view(data, (height, width), max(height / usual[0], width / usual[1]))
        if crops == 10:
            view = EvaluationView(view.cover, view.cover)
        opened = open_split(trained.loaded, spec, device, split, view, classes)
    else:
        opened = open_split(trained.loaded, spec, device, split, classes=classes)
        if crops == 10:
            views = padded(views, (max(height // 8, 1), max(width // 8, 1)))
        views = resized(views, (height, width))
    network = trained.module.to(device, memory_format=hardware.memory_format)  # type: ignore[call-overload]
    plan = EvaluationPlan(max(recipe.evaluation_batch // crops, 1), limit)
    confusion = Confusion(spec.classes)
    with (
        explained(recipe),
        evaluation_fits(recipe.evaluation_batch),
        closing(opened.images.batches(plan)) as batches,
    ):
        score = evaluate(
            network,
            batches,
            Normaliser.of(data.mean, data.std, device),
            hardware,
            classes=spec.classes,
            crops=views,
            answers=confusion.add,
        )
    view_of = View(split, crops, (height, width))
    return _written(trained, output or trained.folder.path, score, confusion, opened, view_of)


def _written(
    trained: Trained,
    output: Path,
    score: Score,
    confusion: Confusion,
    opened: OpenedSplit,
    view: View,
) -> Evaluation:
    classes, missed = opened.images.classes, opened.images.missed
    name = view.suffix(trained.compiled.spec.input[1:])
    report, picture = output / f"eval{name}.json", output / f"confusion{name}.png"
    values = {
        "checkpoint": trained.checkpoint.resolve().name,
        "iteration": trained.iteration,
        "split": view.split,
        "best_chosen_on": "validation" if holds_back(trained.loaded.recipe.data) else "test",
        "images": score.images,
        "unreadable": len(missed),
        "crops": view.crops,
        "size": list(view.size),
        "loss": score.loss,
        "top1": score.top1,
        "top5": score.top5,
        "classes": list(classes),
        "confusion": confusion.rows(),
    }
    title = (
        f"{trained.compiled.name}: {score.top1:.2%} of {score.images:,} {view.split} images right"
    )
    problem: CompileError | None = None
    try:
        write_result(report, json_text(values).encode())
        write_result(picture, png(draw_confusion(confusion, classes, title)))
    except CompileError as exc:
        problem = exc
    warnings = (*opened.warnings, *([unreadable(missed)] if missed else []))
    return Evaluation(score, picture, report, warnings, problem)
