"""Images of a folder as data sets of torch, decoded in worker processes."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.data.decoding import Unreadable, read_image
from archcompiler.runner.data.files import bad_data
from archcompiler.runner.data.listing import ImageFiles
from archcompiler.runner.data.randomness import Stream, uniform
from archcompiler.runner.recipe.model import Folder

MOST_PIXELS: Final = 2**24
"""Of an image that is resized whole."""


class Key(NamedTuple):
    """A sample: an image in an epoch."""

    epoch: int
    image: int


class Missed(NamedTuple):
    """A file that could not be read."""

    path: str
    reason: str


class Decoded(NamedTuple):
    """What a sample has become."""

    image: Tensor
    """(3, H, W) bytes"""
    missed: tuple[Missed, ...] = ()
    """What could not be read on the way to it, its own file first."""


class TrainingCrops(Dataset[Decoded]):
    """The crop of random scale and aspect ratio that a key stands for.

    In place of an image that cannot be read, where that is no error, stands the next of its class
    that can: the same whichever process asks and whenever.
    """

    def __init__(self, files: ImageFiles, data: Folder, size: tuple[int, int], seed: int) -> None:
        self.files = files
        self.data = data
        self.size = size
        self.seed = seed

    def __getitem__(self, key: Key) -> Decoded:
        image, missed = self._read(key.image)
        box = self._window(image.width, image.height, key)
        height, width = self.size
        crop = image.resize((width, height), Image.Resampling.BILINEAR, box)
        return Decoded(_bytes(crop), missed)

    def _read(self, index: int) -> tuple[Image.Image, tuple[Missed, ...]]:
        missed: list[Missed] = []
        labels = self.files.labels
        first = bisect_left(labels, labels[index])
        count = bisect_right(labels, labels[index]) - first
        for step in range(count):
            path = self.files.paths[first + (index - first + step) % count]
            image = _read(path, self.data)
            if isinstance(image, Image.Image):
                return image, tuple(missed)
            missed.append(image)
        name = self.files.classes[labels[index]]
        raise bad_data(f"images: none of the class `{name}` can be read", _reason(missed[0]))

    def _window(self, width: int, height: int, key: Key) -> tuple[float, float, float, float]:
        """A window of the wanted area and shape, ten tries; then the largest in the middle."""

        def draw(number: int) -> float:
            return uniform(self.seed, Stream.WINDOW + number, *key)

        low, high = (math.log(r) for r in self.data.ratio)
        small, large = self.data.scale
        for attempt in range(10):
            area = width * height * (small + draw(4 * attempt) * (large - small))
            ratio = math.exp(low + draw(4 * attempt + 1) * (high - low))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                x = int(draw(4 * attempt + 2) * (width - w + 1))
                y = int(draw(4 * attempt + 3) * (height - h + 1))
                return x, y, x + w, y + h
        ratio = min(max(width / height, self.data.ratio[0]), self.data.ratio[1])
        w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
        return (width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2


class Centred(Dataset[Decoded]):
    """The middle of an image that covers a larger size; black if it cannot be read."""

    def __init__(
        self, files: ImageFiles, data: Folder, cover: tuple[int, int], size: tuple[int, int]
    ) -> None:
        self.files = files
        self.data = data
        self.cover = cover
        self.size = size

    def __getitem__(self, index: int) -> Decoded:
        image = _read(self.files.paths[index], self.data)
        if isinstance(image, Missed):
            return Decoded(torch.zeros(3, *self.size, dtype=torch.uint8), (image,))
        return Decoded(_bytes(centred(image, self.cover, self.size)))


def centred(image: Image.Image, cover: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """The middle `size` of an image that just covers `cover`, and `size` too; both are (H, W).

    To cover a square is to have a shorter side of its length.
    """
    height, width = (max(pair) for pair in zip(cover, size, strict=True))
    factor = max(width / image.width, height / image.height)
    new = max(width, round(image.width * factor)), max(height, round(image.height * factor))
    height, width = size
    left, top = (new[0] - width) // 2, (new[1] - height) // 2
    if new[0] * new[1] > MOST_PIXELS:
        # Of a strip only the middle: whole it would take gigabytes. Others are as they always were.
        x, y = image.width / new[0], image.height / new[1]
        right, bottom = min(image.width, (left + width) * x), min(image.height, (top + height) * y)
        box = left * x, top * y, right, bottom
        return image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    image = image.resize(new, Image.Resampling.BILINEAR)
    return image.crop((left, top, left + width, top + height))


class Guarded(Dataset[Decoded | Diagnostic]):
    """Another data set whose errors are values: a worker would turn an exception into text."""

    def __init__(self, images: Dataset[Decoded]) -> None:
        self.images = images

    def __getitem__(self, key: int) -> Decoded | Diagnostic:
        try:
            return self.images[key]
        except CompileError as exc:
            return exc.diagnostics[0]


class Collated(NamedTuple):
    """Samples as a batch."""

    images: Tensor
    """(N, 3, H, W) bytes"""
    own: Tensor
    """(N,) bool: whether an image is that of its own file"""
    missed: tuple[Missed, ...]


def collate(samples: Sequence[Decoded | Diagnostic]) -> Collated | Diagnostic:
    """A batch, or the first thing that went wrong."""
    decoded: list[Decoded] = []
    for sample in samples:
        if isinstance(sample, Diagnostic):
            return sample
        decoded.append(sample)
    return Collated(
        torch.stack([sample.image for sample in decoded]),
        torch.tensor([not sample.missed for sample in decoded]),
        tuple(missed for sample in decoded for missed in sample.missed),
    )


def _bytes(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image, np.uint8)).permute(2, 0, 1).contiguous()


def _read(path: str, data: Folder) -> Image.Image | Missed:
    """The image in colour. Raises CompileError E704 if it cannot be read and must be."""
    try:
        return read_image(path, orient=data.exif_orientation)
    except Unreadable as exc:
        missed = Missed(path, str(exc))
    if data.on_error == "skip":
        return missed
    raise bad_data(
        f"images: cannot decode {_reason(missed)}",
        help="`--set data.on_error=skip` leaves such images out, and counts them",
    )


def _reason(missed: Missed) -> str:
    return f"`{missed.path}`: {missed.reason}"
