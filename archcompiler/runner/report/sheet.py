"""A contact sheet of attention masks: a row for each image, a column for each module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from archcompiler.runner.report.lettering import Font, lettering, written

_CELL, _GAP, _TOP, _LEFT, _WORDS = 192, 8, 64, 16, 52
"""Pixels: the longer side of a picture, between pictures, above and left of them, below a row."""
_SCALE = (160, 12)
"""Width and height of the scale of colours."""
_MEANING = "a mask's lowest value to its highest"
_INK, _PALE = "#1f2328", "#57606a"
_HEAT = np.array(
    [[13, 8, 60], [84, 15, 109], [187, 55, 84], [249, 142, 9], [252, 255, 164]], np.float64
)
"""Colours from the lowest to the highest value of a mask."""
_OPACITY = 0.6

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.float32]


class Shown(NamedTuple):
    """A row."""

    name: str
    """Of the file, with folders as far as others are called the same."""
    picture: Picture
    """(H, W, 3), as the network has seen it."""
    masks: Mapping[str, Mask]
    """(h, w) of each module."""
    words: str
    """What the network says of the image."""


def draw_sheet(rows: Sequence[Shown]) -> Image.Image:
    """Draw masks over their images, each with its range; below them what the network says."""
    columns = list(rows[0].masks)
    wide, high = _cell(rows[0].picture)
    across, down = wide + _GAP, high + _WORDS + _GAP
    texts = [f"{row.name}: {row.words}" for row in rows]
    large, small = lettering(18, []), lettering(14, texts)
    texts = [written(text, small) for text in texts]
    words = max(map(small.getlength, texts))
    scale = _SCALE[0] + 10 + small.getlength(_MEANING)
    width = 2 * _LEFT + max((len(columns) + 1) * across - _GAP, round(words), round(scale))
    sheet = Image.new("RGB", (width, _TOP + len(rows) * down + _WORDS), "white")
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(("image", *columns)):
        x = _LEFT + column * across
        stage, _, module = name.removesuffix(".mask").partition(".")
        draw.text((x, 26), stage, _INK, large, "lm")
        draw.text((x, 48), module, _PALE, small, "lm")
    for number, (row, text) in enumerate(zip(rows, texts, strict=True)):
        y = _TOP + number * down
        sheet.paste(_enlarged(Image.fromarray(row.picture)), (_LEFT, y))
        for column, mask in enumerate(row.masks.values(), 1):
            x = _LEFT + column * across
            sheet.paste(_overlay(row.picture, mask), (x, y))
            span = f"{mask.min():.3g} to {mask.max():.3g}"
            draw.text((x, y + high + 11), span, _PALE, small, "lm")
        draw.text((_LEFT, y + high + 31), text, _INK, small, "lm")
    _draw_scale(sheet, sheet.height - 22, small)
    return sheet


def _draw_scale(sheet: Image.Image, y: int, font: Font) -> None:
    """The colours from left to right, around the height `y`."""
    width, height = _SCALE
    colours = _heat(np.broadcast_to(np.linspace(0, 1, width), (height, width)))
    sheet.paste(Image.fromarray(colours.round().astype(np.uint8)), (_LEFT, y - height // 2))
    ImageDraw.Draw(sheet).text((_LEFT + width + 10, y), _MEANING, _PALE, font, "lm")


def _cell(picture: Picture) -> tuple[int, int]:
    """Width and height of a cell: the shape of the pictures, and the longer side is `_CELL`."""
    height, width = picture.shape[:2]
    longer = max(height, width)
    return max(round(_CELL * width / longer), 1), max(round(_CELL * height / longer), 1)


def _overlay(picture: Picture, mask: Mask) -> Image.Image:
    """The heat-map of a mask over the image in grey."""
    low, high = float(mask.min()), float(mask.max())
    level = Image.fromarray((mask - low) / max(high - low, 1e-9)).resize(
        _cell(picture), Image.Resampling.BILINEAR
    )
    heat = _heat(np.clip(np.asarray(level, np.float64), 0, 1))
    grey = np.asarray(_enlarged(Image.fromarray(picture)).convert("L"), np.float64)[..., None]
    mixed = heat * _OPACITY + grey * (1 - _OPACITY)
    return Image.fromarray(mixed.round().astype(np.uint8))


def _heat(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(h, w) from 0 to 1 as colours, (h, w, 3)."""
    position = levels * (len(_HEAT) - 1)
    below = np.minimum(position.astype(int), len(_HEAT) - 2)
    part = (position - below)[..., None]
    colours: npt.NDArray[np.float64] = _HEAT[below] * (1 - part) + _HEAT[below + 1] * part
    return colours


def _enlarged(image: Image.Image) -> Image.Image:
    """To a cell; pixels of small images stay visible, and so does the shape of others."""
    method = Image.Resampling.NEAREST if image.width < 64 else Image.Resampling.BICUBIC
    return image.resize(_cell(np.asarray(image)), method)
