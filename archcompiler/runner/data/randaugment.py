"""RandAugment (Cubuk et al. 2020) of a batch on the device, to the byte as PIL's operations.

Every image goes through every kind of operation, with numbers that leave it as it is unless that
is the one it has drawn. To pick images out would need their number, for which CUDA is waited for.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from archcompiler.runner.data.draws import Draws
from archcompiler.runner.data.enhancing import enhance
from archcompiler.runner.data.operations import Matrix, operations
from archcompiler.runner.data.randomness import Stream, below
from archcompiler.runner.recipe.augment import RandAugment


class Operations(NamedTuple):
    """As `Operation`, of many: the operations there are, or those of the images of a batch."""

    stretched: Tensor
    """(N,) bool"""
    equalized: Tensor
    """(N,) bool"""
    threshold: Tensor
    """(N,) int32"""
    mask: Tensor
    """(N,) int32: the bits of a level that are kept"""
    towards: Tensor
    """(N,) int64"""
    factor: Tensor
    """(N,) float32"""
    matrix: Tensor
    """(N, 6) int64, in parts of 2⁻¹⁶ of a pixel; from whole numbers to whole numbers"""


@lru_cache(maxsize=8)
def table(magnitude: int, height: int, width: int, device: torch.device) -> Operations:
    """Made once: CUDA has to be waited for to copy a list."""
    known = operations(magnitude, height, width)
    return Operations(
        torch.tensor([o.stretched for o in known], device=device),
        torch.tensor([o.equalized for o in known], device=device),
        torch.tensor([o.threshold for o in known], dtype=torch.int32, device=device),
        torch.tensor([256 - (1 << 8 - o.bits) for o in known], dtype=torch.int32, device=device),
        torch.tensor([int(o.towards) for o in known], device=device),
        torch.tensor([o.factor for o in known], device=device),
        torch.tensor([_fixed(o.matrix) for o in known], device=device),
    )


def randaugment(images: Tensor, draws: Draws, how: RandAugment) -> Tensor:
    """(N, C, H, W) bytes to bytes, of one channel or three."""
    known = table(how.magnitude, *images.shape[2:], images.device)
    for words in draws.words(Stream.RANDAUGMENT, how.layers):
        row = below(len(known.factor), words)
        images = apply(images, Operations(*(part[row] for part in known)))
    return images


def apply(images: Tensor, drawn: Operations) -> Tensor:
    """One operation for each image."""
    levels = images.flatten(2).long()
    images = _levels(levels, drawn).gather(2, levels).view_as(images)
    images = enhance(images, drawn.towards, drawn.factor)
    return _moved(images, drawn.matrix)


def _levels(levels: Tensor, drawn: Operations) -> Tensor:
    """(N, C, 256) bytes: what becomes of each level, in images whose levels are (N, C, H·W)."""
    batch, channels, pixels = levels.shape
    counts = torch.zeros(batch, channels, 256, dtype=torch.int32, device=levels.device)
    ones = torch.ones((), dtype=torch.int32, device=levels.device).expand_as(levels)
    counts.scatter_add_(2, levels, ones)

    old = torch.arange(256, dtype=torch.int32, device=levels.device)
    low = torch.where(counts > 0, old, 255).amin(2, keepdim=True)
    high = torch.where(counts > 0, old, 0).amax(2, keepdim=True)
    span = (high - low).clamp(min=1)
    stretched = torch.where(high > low, (old - low) * 255 // span, old)

    # PIL.ImageOps.equalize: the highest level there is has no part in the size of a step.
    step = (pixels - counts.gather(2, high.long())) // 255
    before = counts.cumsum(2, dtype=torch.int32) - counts
    equalized = torch.where(step > 0, (step // 2 + before) // step.clamp(min=1), old)

    plain = torch.where(old < drawn.threshold[:, None], old, 255 - old) & drawn.mask[:, None]
    new = torch.where(drawn.equalized[:, None, None], equalized, plain[:, None])
    new = torch.where(drawn.stretched[:, None, None], stretched, new)
    return new.clamp(0, 255).byte()


def _moved(images: Tensor, matrix: Tensor) -> Tensor:
    """Each pixel from the nearest to where the matrix says it comes from; black from outside."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device)[:, None]
    columns = torch.arange(width, device=images.device)
    a, b, c, d, e, f = matrix.T[:, :, None, None]
    x, y = a * columns + b * rows + c >> 16, d * columns + e * rows + f >> 16
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    source = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    source = source.flatten(1)[:, None].expand(-1, images.shape[1], -1)
    moved = images.flatten(2).gather(2, source).view_as(images)
    return torch.where(inside[:, None], moved, 0)


def _fixed(matrix: Matrix) -> list[int]:
    """The matrix as PIL has it: for middles of pixels, in whole numbers, the nearest."""
    a, b, c, d, e, f = matrix
    middles = (a, b, c + (a + b) / 2, d, e, f + (d + e) / 2)
    return [math.floor(value * 65536 + 0.5) for value in middles]
