"""`archcompiler eval`: a trained network on its test images, in one crop or ten, at any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.data.files import require_read, unreadable
from archcompiler.runner.data.opening import OpenedSplit, open_split
from archcompiler.runner.data.source import Tested, asked
from archcompiler.runner.engine.evaluate import Score, evaluate
from archcompiler.runner.engine.inference import Inference
from archcompiler.runner.recipe.choices import Split
from archcompiler.runner.report.confusion import Confusion, draw_confusion
from archcompiler.runner.report.metrics import json_text
from archcompiler.runner.report.progress import Progress
from archcompiler.runner.store.trained import Trained
from archcompiler.runner.store.writing import png, write_result


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
class Variant:
    """What of which images is looked at."""

    split: Split
    crops: int
    size: tuple[int, int]
    """(H, W)"""
    settings: tuple[str, ...] = ()
    """Of the recipe, otherwise than in the run."""

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
    settings: Sequence[str] = (),
) -> Evaluation:
    """Evaluate and write `eval.json` and `confusion.png` into the folder `output`, if it can be.

    By default that is the run folder.

    `size` is (H, W). `settings` are those of the recipe that are others than the run's, which the
    report names: its numbers may be of other images.

    Raises CompileError E703, E704 or E740 for the data, E707 for the device.
    """
    spec = trained.compiled.spec
    inference = Inference.prepare(trained, size, crops)
    hardware, view = inference.hardware, inference.view
    opened = open_split(trained.loaded, spec, hardware.device, split, view, trained.classes)
    confusion = Confusion(spec.classes)
    with (
        Progress(asked(limit, len(opened.images)), what="image", err=True) as progress,
        inference.fitting(),
        closing(opened.images.batches(inference.plan(limit))) as batches,
    ):
        score = evaluate(
            inference.network,
            _counted(batches, progress),
            inference.normalise,
            hardware,
            classes=spec.classes,
            crops=view.crops,
            answers=confusion.add,
        )
    require_read(score.images, opened.images.missed)
    variant = Variant(split, crops, inference.size, tuple(settings))
    return _written(trained, output or trained.folder.path, score, confusion, opened, variant)


def _counted(batches: Iterable[Tested | None], progress: Progress) -> Iterator[Tested]:
    seen = 0
    for batch in filter(None, batches):
        yield batch
        seen += len(batch[1])
        progress.step(min(seen, progress.total))


def _written(
    trained: Trained,
    output: Path,
    score: Score,
    confusion: Confusion,
    opened: OpenedSplit,
    variant: Variant,
) -> Evaluation:
    classes, missed = opened.images.classes, opened.images.missed
    name = variant.suffix(trained.compiled.spec.input[1:])
    report, picture = output / f"eval{name}.json", output / f"confusion{name}.png"
    values = {
        "checkpoint": trained.checkpoint.resolve().name,
        "iteration": trained.iteration,
        "split": variant.split,
        "best_chosen_on": trained.chosen_on,
        "images": score.images,
        "unreadable": len(missed),
        "crops": variant.crops,
        "size": list(variant.size),
        "settings": list(variant.settings),
        "loss": score.loss,
        "top1": score.top1,
        "top5": score.top5,
        "classes": list(classes),
        "confusion": confusion.rows(),
    }
    images = f"{score.images:,} {variant.split} images"
    title = f"{trained.compiled.name}: {score.top1:.2%} of {images} right"
    problem: CompileError | None = None
    try:
        write_result(report, json_text(values).encode())
        write_result(picture, png(draw_confusion(confusion, classes, title)))
    except CompileError as exc:
        problem = exc
    warnings = (*opened.warnings, *([unreadable(missed)] if missed else []))
    return Evaluation(score, picture, report, warnings, problem)
