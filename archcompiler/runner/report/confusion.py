"""A confusion matrix as a picture: what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_NAMED = 30
"""Most classes whose names and numbers can be read."""
_RIGHT, _WRONG = np.array([21, 94, 117]), np.array([194, 65, 12])


def draw_confusion(
    counts: npt.NDArray[np.int64], classes: Sequence[str], title: str
) -> Image.Image:
    """Draw (classes, classes) counts; rows are true classes, columns what the network says.

    A cell is as dark as its share of the row; the diagonal has a colour of its own.
    """
    named = len(classes) <= _NAMED
    cell = 56 if named else max(1400 // len(classes), 2)
    font = ImageFont.load_default(20)
    margin = 32 + max(round(font.getlength(name)) for name in classes) if named else 60
    top = 76 + (margin if named else 30)
    side = cell * len(classes)
    image = Image.new("RGB", (margin + side + 30, top + side + 60), "white")
    draw = ImageDraw.Draw(image)
    draw.text((30, 40), title, "#1f2328", ImageFont.load_default(26), "lm")
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    for y, row in enumerate(shares):
        for x, share in enumerate(row):
            # The square root keeps rare confusions from vanishing in white.
            weight = float(share) ** 0.5
            ink = (_RIGHT if x == y else _WRONG) * weight + 255 * (1 - weight)
            corner = margin + x * cell, top + y * cell
            box = (*corner, corner[0] + cell - 1, corner[1] + cell - 1)
            draw.rectangle(box, tuple(int(c) for c in ink))
            if named and counts[y, x]:
                middle = corner[0] + cell / 2, corner[1] + cell / 2
                shade = "white" if weight > 0.6 else "#1f2328"
                draw.text(middle, f"{counts[y, x]}", shade, ImageFont.load_default(17), "mm")
    for i, name in enumerate(classes if named else ()):
        draw.text((margin - 10, top + (i + 0.5) * cell), name, "#1f2328", font, "rm")
        _upright(image, (margin + round((i + 0.5) * cell), top - 10), name, font)
    end = "rows: true class, columns: the network's answer"
    draw.text((margin + side, top + side + 30), end, "#57606a", font, "rm")
    return image


def _upright(
    image: Image.Image,
    foot: tuple[int, int],
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Text that runs upwards from `foot`."""
    length = round(font.getlength(text)) + 4
    strip = Image.new("RGB", (length, 28), "white")
    ImageDraw.Draw(strip).text((0, 14), text, "#1f2328", font, "lm")
    turned = strip.rotate(90, expand=True)
    image.paste(turned, (foot[0] - 14, foot[1] - length))
