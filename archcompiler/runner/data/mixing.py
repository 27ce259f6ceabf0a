"""Mixup and cutmix: two images of a batch become one, and so do their labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from archcompiler.runner.data.augment import boxes
from archcompiler.runner.data.draws import Draws
from archcompiler.runner.data.randomness import Stream
from archcompiler.runner.recipe.augment import Augment


class Mixed(NamedTuple):
    """A batch and how much of each of its two labels is in an image."""

    images: Tensor
    """(N, C, H, W)"""
    labels: Tensor
    """(N,) int64"""
    others: Tensor
    """(N,) int64, the label of the partner"""
    share: Tensor
    """(N,) in [0, 1], of `labels`"""


class Mixer:
    """Draws the shares by inverting the Beta distribution, from a table made once."""

    def __init__(self, how: Augment, device: torch.device) -> None:
        self.mixup = _quantiles(how.mixup).to(device) if how.mixup else None
        self.cutmix = _quantiles(how.cutmix).to(device) if how.cutmix else None

    @property
    def active(self) -> bool:
        return self.mixup is not None or self.cutmix is not None

    def __call__(self, images: Tensor, labels: Tensor, draws: Draws) -> Mixed:
        """Mix (N, C, H, W) and (N,). The partner is the sample at the same place from the end."""
        at = draws.uniforms(Stream.MIX_SHARE)
        partners, others = images.flip(0), labels.flip(0)
        if self.mixup is None or self.cutmix is None:
            blends = torch.full_like(at, self.mixup is not None, dtype=torch.bool)
        else:
            blends = draws.integers(Stream.MIX_KIND, 2).bool()
        share = torch.ones_like(at)
        if self.mixup is not None:
            share = torch.where(blends, _interpolate(self.mixup, at), share)
            weight = share[:, None, None, None]
            images_mixed = images * weight + partners * (1 - weight)
        else:
            images_mixed = images
        if self.cutmix is not None:
            pasted = ~blends[:, None, None, None] & self._box(
                _interpolate(self.cutmix, at), draws, images
            )
            images_mixed = torch.where(pasted, partners, images_mixed)
            share = torch.where(blends, share, 1 - pasted.float().mean((1, 2, 3)))
        return Mixed(images_mixed, labels, others, share)

    @staticmethod
    def _box(share: Tensor, draws: Draws, images: Tensor) -> Tensor:
        """(N, 1, H, W) bool: a box of the image's shape, 1 - share of its area, cut at edges."""
        height, width = images.shape[-2:]
        side = (1 - share).sqrt()
        half_height, half_width = (
            (side * height / 2).round().long(),
            (side * width / 2).round().long(),
        )
        y, x = draws.integers(Stream.MIX_Y, height), draws.integers(Stream.MIX_X, width)
        return boxes(
            y - half_height, x - half_width, y + half_height, x + half_width, height, width
        )


_CELLS = 4096


def _quantiles(a: float) -> Tensor:
    """(4097,): the inverse of the Beta(a, a) distribution function at 0, 1/4096, …, 1.

    It is symmetric. Its lower half is summed over a variable in which the density has no pole and
    no peak that is too narrow, so that a plain sum is exact enough.
    """
    ends = np.linspace(0, 1, 1 << 17)
    middle = (ends[1:] + ends[:-1]) / 2
    if a < 1:
        # x = v^(1/a) / 2
        x, density = ends ** (1 / a) / 2, (1 - middle ** (1 / a) / 2) ** (a - 1)
    else:
        # x = sin²(πv/4), of which 2x(1 - x) is sin²(πv/2) / 2
        x, density = np.sin(np.pi / 4 * ends) ** 2, np.sin(np.pi / 2 * middle) ** (2 * a - 1)
    cumulative = np.concatenate([[0.0], np.cumsum(density)])
    below = np.interp(np.linspace(0, 1, _CELLS // 2 + 1), cumulative / cumulative[-1], x)
    return torch.from_numpy(np.concatenate([below, 1 - below[-2::-1]])).float()


def _interpolate(table: Tensor, at: Tensor) -> Tensor:
    """The table, given at equal distances on [0, 1], at other places."""
    position = at * _CELLS
    cell = position.long()
    return torch.lerp(table[cell], table[cell + 1], position - cell)
