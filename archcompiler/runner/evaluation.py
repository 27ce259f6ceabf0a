"""`archcompiler eval`: a trained network on its test images, in one crop or ten, at any size."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archcompiler.diagnostics import CompileError
from archcompiler.runner.data.augment import Normaliser
from archcompiler.runner.data.crops import Crops, padded, resized, single_crop, ten_crop
from archcompiler.runner.data.opening import EvaluationView, open_data
from archcompiler.runner.data.source import EvaluationPlan
from archcompiler.runner.engine.evaluate import Score, evaluate
from archcompiler.runner.recipe.model import Folder
from archcompiler.runner.report.confusion import draw_confusion
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
    problem: CompileError | None
    """E710 if they could not be written."""


def evaluate_trained(
    trained: Trained,
    *,
    crops: int,
    size: int | None,
    limit: int | None,
    output: Path | None = None,
) -> Evaluation:
    """Evaluate and write `eval.json` and `confusion.png` into the folder `output`, if it can be.

    By default that is the run folder.

    Raises CompileError E703, E704 or E740 for the data, E707 for the device.
    """
    recipe, spec = trained.loaded.recipe, trained.compiled.spec
    device = resolve_device(recipe.device)
    hardware = settle(trained.loaded, device)
    height, width = (size, size) if size else spec.input[1:]
    trained.require_size(height, width)
    data, classes = recipe.data, trained.classes
    if isinstance(data, Folder):
        # The margin around the crop grows with it; ten crops need all of it.
        resize = round(data.resize * height / spec.input[1])
        room = (resize, resize) if crops == 10 else (height, width)
        views: Crops = ten_crop((height, width)) if crops == 10 else single_crop
        opened = open_data(trained.loaded, spec, device, EvaluationView(resize, room), classes)
    else:
        opened = open_data(trained.loaded, spec, device, classes=classes)
        margin = max(height // 8, 1)
        views = padded(ten_crop((height, width)), margin) if crops == 10 else single_crop
        views = resized(views, (height, width))
    network = trained.module.to(device, memory_format=hardware.memory_format)  # type: ignore[call-overload]
    plan = EvaluationPlan(max(recipe.evaluation_batch // crops, 1), limit)
    with (
        explained(recipe),
        evaluation_fits(recipe.evaluation_batch),
        closing(opened.test.batches(plan)) as batches,
    ):
        score = evaluate(
            network,
            batches,
            Normaliser.of(data.mean, data.std, device),
            hardware,
            classes=spec.classes,
            crops=views,
        )
    return _written(
        trained, output or trained.folder.path, score, opened.test.classes, crops, height
    )


def _written(
    trained: Trained,
    output: Path,
    score: Score,
    classes: tuple[str, ...],
    crops: int,
    size: int,
) -> Evaluation:
    name = "" if (crops, size) == (1, trained.compiled.spec.input[1]) else f"-{crops}crop-{size}"
    report, picture = output / f"eval{name}.json", output / f"confusion{name}.png"
    values = {
        "checkpoint": trained.checkpoint.resolve().name,
        "iteration": trained.iteration,
        "images": score.images,
        "crops": crops,
        "size": size,
        "loss": score.loss,
        "top1": score.top1,
        "top5": score.top5,
        "classes": list(classes),
        "confusion": score.confusion.tolist(),
    }
    title = f"{trained.compiled.name}: {score.top1:.2%} of {score.images:,} right"
    sheet = draw_confusion(np.asarray(score.confusion), classes, title)
    problem: CompileError | None = None
    try:
        write_result(report, json_text(values).encode())
        write_result(picture, png(sheet))
    except CompileError as exc:
        problem = exc
    return Evaluation(score, picture, report, problem)
