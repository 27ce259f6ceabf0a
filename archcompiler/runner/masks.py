"""`archcompiler masks`: what attention modules weigh up, as figure 1 of the paper shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from archcompiler.config.files import is_read
from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.runner.data.listing import list_given
from archcompiler.runner.engine.inference import Inference
from archcompiler.runner.recipe.choices import OnError
from archcompiler.runner.report.sheet import Shown, draw_sheet
from archcompiler.runner.store.trained import Trained
from archcompiler.runner.store.writing import png, write_result

MOST = 100
"""Rows of a sheet, so that programs open it."""
_NAMED = 3
"""Classes that are named beside an image."""


@dataclass(frozen=True)
class Masks:
    """A sheet of masks that was drawn."""

    images: int
    modules: int
    warnings: tuple[Diagnostic, ...]


def draw_masks(
    trained: Trained,
    paths: Sequence[Path],
    *,
    size: tuple[int, int] | None,
    on_error: OnError | None,
    output: Path,
) -> Masks:
    """Draw a row for each image, and each in a folder, and a column for each attention module.

    A mask is shown as its mean over channels, from its lowest value to its highest.
    Raises CompileError: E407 for a picture in place of an image, E703 for a network without masks,
    E704 for a folder without images, E707 for the device, E710 if the picture cannot be written,
    E712 for an image that cannot be read unless those are to be skipped, and if none can be read,
    E714 for more images than a sheet can hold.
    """
    if not hasattr(trained.module, "attention_masks"):
        # Emitted only where there is something to show.
        raise CompileError(error("E703", f"`{trained.compiled.name}` has no attention modules"))
    inference = Inference.prepare(trained, size)
    files = list_given(paths)
    if len(files) > MOST:
        message = f"{len(files):,} images are too many for one picture, which has {MOST} at most"
        raise CompileError(error("E714", message, help="name some of the images"))
    if output.resolve() in {Path(path).resolve() for path in files.paths}:
        raise CompileError(is_read(output))
    given = inference.given(files, on_error)
    rows: list[Shown] = []
    with inference.fitting():
        for names, (images,) in given.batches():
            rows += _rows(inference, names, images)
    called = captions([row.name for row in rows])
    rows = [row._replace(name=name) for row, name in zip(rows, called, strict=True)]
    given.require_some()
    write_result(output, png(draw_sheet(rows)))
    return Masks(len(rows), len(rows[0].masks), tuple(given.warnings()))


def captions(paths: Sequence[str]) -> list[str]:
    """The last names of each path, as many as tell it from the other ones."""
    left = {path: Path(path).parts for path in paths}
    found: dict[str, str] = {}
    length = 0
    while left:
        length += 1
        ends = {path: "/".join(parts[-length:]) for path, parts in left.items()}
        often = Counter(ends.values())
        for path, end in ends.items():
            if often[end] == 1 or length >= len(left[path]):
                found[path] = end
        left = {path: parts for path, parts in left.items() if path not in found}
    return [found[path] for path in paths]


def _rows(inference: Inference, names: Sequence[str], images: Tensor) -> list[Shown]:
    """Rows of (N, C, H, W) bytes."""
    with torch.no_grad(), inference.hardware.autocast():
        masks = inference.network.attention_masks(inference.input(images))  # type: ignore[operator]
    means = {name: mask.float().mean(1).cpu().numpy() for name, mask in masks.items()}
    pictures = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()
    said = inference.predict(names, images[None], _NAMED)
    return [
        Shown(name, picture, {module: mask[i] for module, mask in means.items()}, str(says))
        for i, (name, picture, says) in enumerate(zip(names, pictures, said, strict=True))
    ]
