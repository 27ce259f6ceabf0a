"""The views of a test image that are evaluated: its middle, ten crops, other sizes."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Crops = Callable[[Tensor], Tensor]
"""(N, C, H, W) bytes to (K, N, C, H', W'): K views of each image."""


def single_crop(images: Tensor) -> Tensor:
    """The images as they are."""
    return images[None]


def ten_crop(size: tuple[int, int]) -> Crops:
    """The four corners and the middle, each also mirrored, of images at least as large."""
    height, width = size

    def crop(images: Tensor) -> Tensor:
        below, beside = images.shape[-2] - height, images.shape[-1] - width
        places = [(0, 0), (0, beside), (below, 0), (below, beside), (below // 2, beside // 2)]
        views = [images[..., y : y + height, x : x + width] for y, x in places]
        return torch.stack([*views, *(view.flip(-1) for view in views)])

    return crop


def padded(crops: Crops, pixels: tuple[int, int]) -> Crops:
    """Crops of images with so many rows and columns of black pixels on either side of them, for
    data sets without a margin.
    """
    rows, columns = pixels
    return lambda images: crops(F.pad(images, (columns, columns, rows, rows)))


def resized(crops: Crops, size: tuple[int, int]) -> Crops:
    """Crops of images brought to another size."""

    def crop(images: Tensor) -> Tensor:
        if images.shape[-2:] == size:
            return crops(images)
        larger = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
        return crops(larger.round_().clamp_(0, 255).byte())

    return crop
