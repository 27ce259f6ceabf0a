"""Attention masks over images: one contact sheet, as figure 1 of the paper shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont

from archcompiler.diagnostics import CompileError, error
from archcompiler.runner.data.augment import Normaliser
from archcompiler.runner.data.decoding import Unreadable, read_image
from archcompiler.runner.data.folder import centred
from archcompiler.runner.recipe.model import Folder
from archcompiler.runner.report.lettering import lettering, written
from archcompiler.runner.store.trained import Trained
from archcompiler.runner.store.writing import png, write_result

_CELL, _GAP, _TOP, _LEFT = 192, 8, 64, 16
_HEAT = np.array(
    [[13, 8, 60], [84, 15, 109], [187, 55, 84], [249, 142, 9], [252, 255, 164]], np.float64
)
"""Colours from the lowest to the highest value of a mask."""
_OPACITY = 0.6

Picture = npt.NDArray[np.uint8]


def draw_masks(
    trained: Trained, images: Sequence[Path], size: tuple[int, int] | None, path: Path
) -> tuple[int, int]:
    """Draw a row for each image and a column for each attention module; returns both numbers.

    A mask is shown as its mean over channels, from its lowest value to its highest.
    Raises CompileError E712 for an image that cannot be read, E703 for a network without masks,
    E710 if the picture cannot be written.
    """
    spec = trained.compiled.spec
    if not hasattr(trained.module, "attention_masks"):
        # Emitted only where there is something to show.
        raise CompileError(error("E703", f"`{trained.compiled.name}` has no attention modules"))
    height, width = size or spec.input[1:]
    trained.require_size(height, width)
    data = trained.loaded.recipe.data
    orient = data.exif_orientation if isinstance(data, Folder) else True
    pictures = [_open(path, (height, width), orient) for path in images]
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    if spec.input[0] == 1:
        batch = batch.float().mean(1, keepdim=True).round().byte()
    normalise = Normaliser.of(data.mean, data.std, torch.device("cpu"))
    with torch.inference_mode():
        masks = trained.module.attention_masks(normalise(batch))  # type: ignore[operator]
    sheet = _sheet(
        pictures,
        {name: mask.float().mean(1).numpy() for name, mask in masks.items()},
        [path.name for path in images],
    )
    write_result(path, png(sheet))
    return len(pictures), len(masks)


def _open(path: Path, size: tuple[int, int], orient: bool) -> Picture:
    """(H, W, 3): the largest middle of the image that has the size's shape."""
    try:
        return np.array(centred(read_image(path, orient=orient), size, size), np.uint8)
    except Unreadable as exc:
        raise CompileError(error("E712", f"cannot read the image `{path}`: {exc}")) from None


def _sheet(
    pictures: Sequence[Picture], masks: dict[str, npt.NDArray[np.float32]], names: Sequence[str]
) -> Image.Image:
    columns, rows = len(masks) + 1, len(pictures)
    wide, high = _cell(pictures[0])
    width = 2 * _LEFT + columns * (wide + _GAP) - _GAP
    sheet = Image.new("RGB", (width, _TOP + rows * (high + _GAP + 22) + 8), "white")
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(18), ImageFont.load_default(14)
    for column, name in enumerate(("image", *masks)):
        x = _LEFT + column * (wide + _GAP)
        stage, _, module = name.removesuffix(".mask").partition(".")
        draw.text((x, 26), stage, "#1f2328", font, "lm")
        draw.text((x, 48), module, "#57606a", small, "lm")
    for row, picture in enumerate(pictures):
        y = _TOP + row * (high + _GAP + 22)
        sheet.paste(_enlarged(Image.fromarray(picture)), (_LEFT, y))
        for column, mask in enumerate(masks.values(), 1):
            cell = _overlay(picture, mask[row])
            sheet.paste(cell, (_LEFT + column * (wide + _GAP), y))
        below = lettering(14, [names[row]])
        draw.text((_LEFT, y + high + 13), written(names[row], below), "#57606a", below, "lm")
    return sheet


def _cell(picture: Picture) -> tuple[int, int]:
    """Width and height of a cell: the shape of the pictures, and the longer side is `_CELL`."""
    height, width = picture.shape[:2]
    longer = max(height, width)
    return max(round(_CELL * width / longer), 1), max(round(_CELL * height / longer), 1)


def _overlay(picture: Picture, mask: npt.NDArray[np.float32]) -> Image.Image:
    """The heat-map of a mask, (h, w), over the image in grey."""
    low, high = float(mask.min()), float(mask.max())
    level = Image.fromarray((mask - low) / max(high - low, 1e-9)).resize(
        _cell(picture), Image.Resampling.BILINEAR
    )
    position = np.clip(np.asarray(level, np.float64), 0, 1) * (len(_HEAT) - 1)
    below = np.minimum(position.astype(int), len(_HEAT) - 2)
    part = (position - below)[..., None]
    heat = _HEAT[below] * (1 - part) + _HEAT[below + 1] * part
    grey = np.asarray(_enlarged(Image.fromarray(picture)).convert("L"), np.float64)[..., None]
    mixed = heat * _OPACITY + grey * (1 - _OPACITY)
    return Image.fromarray(mixed.round().astype(np.uint8))


def _enlarged(image: Image.Image) -> Image.Image:
    """To a cell; pixels of small images stay visible, and so does the shape of others."""
    method = Image.Resampling.NEAREST if image.width < 64 else Image.Resampling.BICUBIC
    return image.resize(_cell(np.asarray(image)), method)
