"""Random colours: jitter, and noise of the lighting."""

from __future__ import annotations

import math
from functools import cache
from itertools import permutations

import torch
from torch import Tensor

from archcompiler.runner.data.draws import Draws
from archcompiler.runner.data.enhancing import Towards, enhance
from archcompiler.runner.data.randomness import Stream, below, uniforms
from archcompiler.runner.recipe.augment import ColourJitter

_CHANGES = (Towards.BLACK, Towards.MEAN, Towards.GREY)
_ORDERS = tuple(permutations(_CHANGES))

_EIGENVALUES = (0.2175, 0.0188, 0.0045)
_EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)
"""Of the covariance of ImageNet's RGB from 0 to 1, a column for each value, as fb.resnet.torch has
published them."""


@cache
def _orders(device: torch.device) -> Tensor:
    """(6, 3) `Towards`"""
    return torch.tensor(_ORDERS, device=device)


@cache
def _axes(device: torch.device) -> Tensor:
    """(3, 3): in each row what a channel takes from the axes, in levels."""
    values = torch.tensor(_EIGENVALUES, device=device)
    return torch.tensor(_EIGENVECTORS, device=device) * values * 255


def jitter(images: Tensor, draws: Draws, how: ColourJitter) -> Tensor:
    """(N, C, H, W) bytes to bytes, of one channel or three; one has no saturation to change."""
    found = draws.words(Stream.COLOUR, 4)
    swing = 2 * uniforms(found[:3]) - 1
    strengths = (how.brightness, how.contrast, how.saturation)
    factors = torch.stack([1 + s * part for s, part in zip(strengths, swing, strict=True)])
    order = _orders(images.device)[below(len(_ORDERS), found[3])]
    for change in order.unbind(1):
        factor = factors.gather(0, change[None])[0]
        images = enhance(images, change, factor, sharpness=False)
    return images


def light(images: Tensor, draws: Draws, strength: float) -> Tensor:
    """(N, C, H, W) bytes to (N, 3, H, W) float32 levels, not cut off at black and white.

    Each image's colours move along the principal axes of ImageNet's, as far as a normal number
    times the eigenvalue says (Krizhevsky et al. 2012, section 4.1).
    """
    middles = 2 * uniforms(draws.words(Stream.LIGHTING, 3)) - (1 - 2.0**-24)
    normal = math.sqrt(2) * torch.erfinv(middles)
    # Not a matrix product, whose rounding may depend on how many images there are.
    shift = (_axes(images.device)[:, :, None] * normal).sum(1) * strength
    return images.float() + shift.T[:, :, None, None]
