"""ImageNet and its like: a folder a class, decoded through Pillow in worker processes."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.data.files import bad_data
from archcompiler.runner.data.randomness import Stream, uniform
from archcompiler.runner.recipe.model import Folder

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".webp")

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files that are not as they should be."""


@dataclass(frozen=True)
class ImageFiles:
    """One split: the files and the label of each."""

    paths: tuple[str, ...]
    """As strings: every worker process gets a copy, of a million for ImageNet."""
    labels: tuple[int, ...]
    classes: tuple[str, ...]
    """Names, by label: the folders' names, sorted."""

    def __len__(self) -> int:
        return len(self.paths)

    def renumbered(self, numbers: Sequence[int], classes: tuple[str, ...]) -> ImageFiles:
        """With `numbers[label]` for each label: the same classes, numbered as in `classes`."""
        return ImageFiles(self.paths, tuple(numbers[label] for label in self.labels), classes)


def list_images(data: Folder) -> tuple[ImageFiles, ImageFiles]:
    """Training and test files. Raises CompileError E704."""
    root = Path(data.path)
    train, test = _list(root / data.train), _list(root / data.test)
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise bad_data(
            f"`{root / data.train}` and `{root / data.test}` have different classes",
            f"in one of them only: {', '.join(odd[:5])}{', …' if len(odd) > 5 else ''}",
        )
    return train, test


def _list(folder: Path) -> ImageFiles:
    if not folder.is_dir():
        raise bad_data(
            f"images: `{folder}` is not a folder",
            "one folder a class with the images of that class in it is expected there",
            help="name the folder above it with `--set data.path=FOLDER`",
        )
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    paths: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        inner = folder / name
        # Strings, not paths: of a million files those would take most of the time to a first step.
        with os.scandir(inner) as entries:
            found = sorted(e.path for e in entries if e.name.lower().endswith(SUFFIXES))
        if not found:
            raise bad_data(f"images: no image in `{inner}`", f"known: {', '.join(SUFFIXES)}")
        paths += found
        labels += [label] * len(found)
    if not paths:
        raise bad_data(f"images: `{folder}` has no folders, so there are no classes")
    return ImageFiles(tuple(paths), tuple(labels), tuple(classes))


class Key(NamedTuple):
    """A sample: an image in an epoch."""

    epoch: int
    image: int


class TrainingCrops(Dataset[Tensor]):
    """(3, H, W) bytes: the crop of random scale and aspect ratio that a key stands for."""

    def __init__(self, files: ImageFiles, data: Folder, size: tuple[int, int], seed: int) -> None:
        self.files = files
        self.data = data
        self.size = size
        self.seed = seed

    def __getitem__(self, key: Key) -> Tensor:
        with _opened(self.files.paths[key.image]) as image:
            box = self._window(image.width, image.height, key)
            height, width = self.size
            return _bytes(image.resize((width, height), Image.Resampling.BILINEAR, box))

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


class Centred(Dataset[Tensor]):
    """(3, H, W) bytes: shorter side to `resize`, then the middle."""

    def __init__(self, files: ImageFiles, resize: int, size: tuple[int, int]) -> None:
        self.files = files
        self.resize = resize
        self.size = size

    def __getitem__(self, index: int) -> Tensor:
        with _opened(self.files.paths[index]) as image:
            return _bytes(centred(image, self.resize, self.size))


def centred(image: Image.Image, resize: int, size: tuple[int, int]) -> Image.Image:
    """Shorter side to `resize`, at least to the crop, and the middle `size`, (H, W), of it."""
    height, width = size
    factor = max(resize / min(image.size), width / image.width, height / image.height)
    new = max(width, round(image.width * factor)), max(height, round(image.height * factor))
    image = image.resize(new, Image.Resampling.BILINEAR)
    left, top = (new[0] - width) // 2, (new[1] - height) // 2
    return image.crop((left, top, left + width, top + height))


class Guarded(Dataset[Tensor | Diagnostic]):
    """Another data set whose errors are values: a worker would turn an exception into text."""

    def __init__(self, images: Dataset[Tensor]) -> None:
        self.images = images

    def __getitem__(self, key: int) -> Tensor | Diagnostic:
        try:
            return self.images[key]
        except CompileError as exc:
            return exc.diagnostics[0]


def collate(images: Sequence[Tensor | Diagnostic]) -> Tensor | Diagnostic:
    """(N, 3, H, W), or the first thing that went wrong."""
    for image in images:
        if isinstance(image, Diagnostic):
            return image
    return torch.stack([image for image in images if isinstance(image, Tensor)])


def _bytes(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image, np.uint8)).permute(2, 0, 1).contiguous()


def _opened(path: str) -> Image.Image:
    """The image in colour. Raises CompileError E704."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except UNREADABLE as exc:
        raise bad_data(f"images: cannot decode `{path}`: {exc}") from None
