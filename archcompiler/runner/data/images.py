"""Small data sets: all images in one array of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Images:
    """One split of a data set that fits into memory."""

    pixels: npt.NDArray[np.uint8]
    """(N, C, H, W)"""
    labels: npt.NDArray[np.int64]
    """(N,)"""
    classes: tuple[str, ...]
    """Names, by label."""

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, indices: npt.NDArray[np.int64]) -> Images:
        """Some of them."""
        return Images(self.pixels[indices], self.labels[indices], self.classes)

    def renumbered(self, numbers: Sequence[int], classes: tuple[str, ...]) -> Images:
        """With `numbers[label]` for each label: the same classes, numbered as in `classes`."""
        return Images(self.pixels, np.array(numbers, np.int64)[self.labels], classes)

    def padded(self, pixels: int) -> Images:
        """With `pixels` black pixels more on every side."""
        if not pixels:
            return self
        widths = ((0, 0), (0, 0), (pixels, pixels), (pixels, pixels))
        return Images(np.pad(self.pixels, widths), self.labels, self.classes)


@dataclass(frozen=True)
class Splits:
    """What is trained on and what is tested on."""

    train: Images
    test: Images
