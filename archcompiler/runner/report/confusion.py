"""What is taken for what: counts of the pairs that occur, and a picture of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from torch import Tensor

from archcompiler.runner.report.lettering import Font, lettering, written

_NAMED = 30
"""Most classes whose names and numbers can be read."""
_SIDE = 1400
"""Pixels of a table without names, at most: of more classes several share a cell."""
_LINE = 222
_RIGHT, _WRONG = np.array([21, 94, 117]), np.array([194, 65, 12])


class Confusion:
    """How many images of each class have had each answer. As large as the pairs that occur: a table
    of ten thousand classes would have a hundred million cells, most of them empty.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self._counts: Counter[tuple[int, int]] = Counter()

    def add(self, labels: Tensor, answers: Tensor) -> None:
        """Count some images: their classes and the network's answers, (n,) each."""
        self._counts.update(zip(labels.tolist(), answers.tolist(), strict=True))

    def rows(self) -> list[list[int]]:
        """[class, answer, images] of each pair that occurs, in order."""
        return [[*pair, count] for pair, count in sorted(self._counts.items())]

    def table(self, cells: int) -> npt.NDArray[np.int64]:
        """(cells, cells) counts: rows are classes, columns answers, neighbours together if there
        are more classes than cells.
        """
        found = np.zeros((cells, cells), np.int64)
        rows = np.array(self.rows(), np.int64).reshape(-1, 3)
        places = rows[:, :2] * cells // self.classes
        np.add.at(found, (places[:, 0], places[:, 1]), rows[:, 2])
        return found


def draw_confusion(confusion: Confusion, classes: Sequence[str], title: str) -> Image.Image:
    """Draw the counts; rows are true classes, columns what the network says.

    A cell is as dark as its share of the row; the diagonal has a colour of its own.
    """
    named = len(classes) <= _NAMED
    counts = confusion.table(min(len(classes), _SIDE))
    cell = 56 if named else max(_SIDE // len(counts), 1)
    font, large = lettering(20, classes), lettering(26, [title])
    names = [written(name, font) for name in classes] if named else []
    title = written(title, large)
    end = "rows: true class, columns: the network's answer"
    if len(counts) < len(classes):
        end += f"; {len(classes):,} classes, about {len(classes) / len(counts):.1f} a cell"
    margin = 32 + max(round(font.getlength(name)) for name in names) if named else 60
    top = 76 + (margin if named else 30)
    side = cell * len(counts)
    words = 60 + round(max(large.getlength(title), font.getlength(end)))
    image = Image.new("RGB", (max(margin + side + 30, words), top + side + 60), "white")
    image.paste(_cells(counts, cell), (margin, top))
    draw = ImageDraw.Draw(image)
    draw.text((30, 40), title, "#1f2328", large, "lm")
    if named:
        _numbers(draw, counts, (margin, top), cell)
    for i, name in enumerate(names):
        draw.text((margin - 10, top + (i + 0.5) * cell), name, "#1f2328", font, "rm")
        _upright(image, (margin + round((i + 0.5) * cell), top - 10), name, font)
    draw.text((30, top + side + 30), end, "#57606a", font, "lm")
    return image


def _weights(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    # The square root keeps rare confusions from vanishing in white.
    weights: npt.NDArray[np.float64] = np.sqrt(counts / np.maximum(counts.sum(1, keepdims=True), 1))
    return weights


def _cells(counts: npt.NDArray[np.int64], cell: int) -> Image.Image:
    """A square for each count, with faint lines around large ones: a class that is never answered
    is a column too.
    """
    weight = _weights(counts)[..., None]
    diagonal = np.eye(len(counts), dtype=bool)[..., None]
    ink = np.where(diagonal, _RIGHT, _WRONG) * weight + 255 * (1 - weight)
    pixels = ink.astype(np.uint8).repeat(cell, 0).repeat(cell, 1)
    if cell > 8:
        pixels[cell - 1 :: cell] = pixels[:, cell - 1 :: cell] = _LINE
        pixels[0] = pixels[:, 0] = _LINE
    return Image.fromarray(pixels)


def _numbers(
    draw: ImageDraw.ImageDraw, counts: npt.NDArray[np.int64], corner: tuple[int, int], cell: int
) -> None:
    weights, font = _weights(counts), lettering(17, [])
    for y, x in np.argwhere(counts):
        middle = corner[0] + (x + 0.5) * cell, corner[1] + (y + 0.5) * cell
        shade = "white" if weights[y, x] > 0.6 else "#1f2328"
        draw.text(middle, f"{counts[y, x]}", shade, font, "mm")


def _upright(image: Image.Image, foot: tuple[int, int], text: str, font: Font) -> None:
    """Text that runs upwards from `foot`."""
    length = round(font.getlength(text)) + 4
    strip = Image.new("RGB", (length, 28), "white")
    ImageDraw.Draw(strip).text((0, 14), text, "#1f2328", font, "lm")
    turned = strip.rotate(90, expand=True)
    image.paste(turned, (foot[0] - 14, foot[1] - length))
