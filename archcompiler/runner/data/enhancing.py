"""Brightness, contrast, saturation and sharpness of a batch, to the byte as `PIL.ImageEnhance`.

Each draws an image towards one without that property, or away from it, by a factor. What is not
exact in float32 is computed in whole numbers, so that a sample is the same on every device.
"""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor


class Towards(IntEnum):
    """What an image is blended with; factor 0 gives it, and factor 1 the image."""

    BLACK = 0
    """Brightness."""
    MEAN = 1
    """Contrast: the mean of its greys."""
    GREY = 2
    """Saturation."""
    SMOOTH = 3
    """Sharpness."""


def enhance(images: Tensor, towards: Tensor, factor: Tensor, *, sharpness: bool = True) -> Tensor:
    """(N, C, H, W) bytes, of one channel or three, with a `Towards` and a factor each, both (N,).

    Without `sharpness` none is SMOOTH, which costs most.
    """
    kind, greys = towards[:, None, None, None], grey(images)
    base = torch.where(kind == Towards.GREY, greys, 0)
    base = torch.where(kind == Towards.MEAN, _mean(greys), base)
    if sharpness:
        base = torch.where(kind == Towards.SMOOTH, smooth(images), base)
    start = base.float()
    # Not by `lerp`, which may round once where PIL does twice.
    blended = start + factor[:, None, None, None] * (images.float() - start)
    return blended.clamp_(0, 255).byte()


def grey(images: Tensor) -> Tensor:
    """(N, 1, H, W) bytes: luma of ITU-R BT.601, as PIL rounds it."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.int().unbind(1)
    luma = red * 19595 + green * 38470 + blue * 7471
    return (luma + (1 << 15) >> 16).byte()[:, None]


def _mean(greys: Tensor) -> Tensor:
    """(N, 1, 1, 1) bytes, halves rounded up."""
    total, count = greys.sum((1, 2, 3), keepdim=True), greys[0].numel()
    return torch.div(2 * total + count, 2 * count, rounding_mode="floor").byte()


def smooth(images: Tensor) -> Tensor:
    """The mean over 3×3 pixels in which the middle counts five times; the edge stays."""
    x = images.short()
    rows = x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * x[:, :, 1:-1, 1:-1]
    smoothed = images.clone()
    # Thirteen is odd, so that no quotient lies halfway.
    smoothed[:, :, 1:-1, 1:-1] = torch.div(2 * total + 13, 26, rounding_mode="floor").byte()
    return smoothed
