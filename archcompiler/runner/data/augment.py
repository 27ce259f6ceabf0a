"""Training images on their way into the network: batched, on the device, without a generator."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from archcompiler.runner.data.colour import jitter, light
from archcompiler.runner.data.draws import Draws
from archcompiler.runner.data.randaugment import randaugment
from archcompiler.runner.data.randomness import Stream, below, uniforms, words
from archcompiler.runner.recipe.augment import Augment

_ERASED, _RATIO, _TRIES = (0.02, 1 / 3), (0.3, 3.3), 10
"""Share of an image and height over width of an erased box, smallest and largest (Zhong et al.
2020, section 4.1), and how often one that fits is tried for."""


class Normaliser(NamedTuple):
    """Bytes to numbers around zero. `mean` and `scale` are (C, 1, 1), of bytes."""

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(
        cls, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
    ) -> Normaliser:
        """From the mean and standard deviation of pixels between 0 and 1."""
        means = torch.tensor(mean, device=device)[:, None, None] * 255
        return cls(means, 1 / (torch.tensor(std, device=device)[:, None, None] * 255))

    def __call__(self, images: Tensor) -> Tensor:
        """(N, C, H, W) levels to float32. One grey channel fills all that there are means for."""
        return (images.float() - self.mean) * self.scale


def augment(images: Tensor, draws: Draws, how: Augment, normalise: Normaliser) -> Tensor:
    """(N, C, H, W) bytes to normalised float32 of the same height and width."""
    if how.crop_padding or how.flip:
        images = _crop_and_flip(images, draws, how)
    if how.randaugment.layers:
        images = randaugment(images, draws, how.randaugment)
    if how.colour.active:
        images = jitter(images, draws, how.colour)
    x = normalise(light(images, draws, how.lighting) if how.lighting else images)
    if how.cutout:
        x = _cut_out(x, draws, how.cutout)
    return _erase(x, draws, how.erase) if how.erase else x


def _crop_and_flip(images: Tensor, draws: Draws, how: Augment) -> Tensor:
    """One gather for both."""
    count, channels, height, width = images.shape
    device, pad = images.device, how.crop_padding
    rows = torch.arange(height, device=device).expand(count, height)
    columns = torch.arange(width, device=device).expand(count, width)
    if how.flip:
        mirrored = draws.integers(Stream.FLIP, 2)[:, None].bool()
        columns = torch.where(mirrored, width - 1 - columns, columns)
    if pad:
        images = F.pad(images, (pad, pad, pad, pad))
        rows = rows + draws.integers(Stream.CROP_Y, 2 * pad + 1)[:, None]
        columns = columns + draws.integers(Stream.CROP_X, 2 * pad + 1)[:, None]
    sample = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[None, :, None, None]
    return images[sample, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _cut_out(x: Tensor, draws: Draws, side: int) -> Tensor:
    """Zero, the mean after normalisation, in a square around any pixel; it may hang over."""
    height, width = x.shape[-2:]
    top = draws.integers(Stream.CUTOUT_Y, height) - side // 2
    left = draws.integers(Stream.CUTOUT_X, width) - side // 2
    return x.masked_fill(boxes(top, left, top + side, left + side, height, width), 0.0)


def _erase(x: Tensor, draws: Draws, probability: float) -> Tensor:
    """Zero, the mean after normalisation, in a box inside the image (random erasing).

    The first of ten boxes that fits is taken; in a square image the first nearly always does.
    """
    height, width = x.shape[-2:]
    found = draws.words(Stream.ERASE, 3 + 2 * _TRIES)
    areas, ratios = uniforms(found[3:]).view(2, _TRIES, -1).unbind()
    area = height * width * (_ERASED[0] + areas * (_ERASED[1] - _ERASED[0]))
    low, high = (math.log(ratio) for ratio in _RATIO)
    ratio = torch.exp(low + ratios * (high - low))
    tall, wide = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()
    fits = (tall < height) & (wide < width)
    first = fits.byte().argmax(0, keepdim=True)
    tall, wide, erased = (part.gather(0, first)[0] for part in (tall, wide, fits))
    erased = erased & (uniforms(found[0]) < probability)
    top, left = below(height - tall + 1, found[1]), below(width - wide + 1, found[2])
    box = boxes(top, left, top + tall, left + wide, height, width)
    return x.masked_fill(box & erased[:, None, None, None], 0.0)


def boxes(
    top: Tensor, left: Tensor, bottom: Tensor, right: Tensor, height: int, width: int
) -> Tensor:
    """(N, 1, H, W) bool: the pixels of one box an image; the ends are not in it."""
    rows = torch.arange(height, device=top.device)
    columns = torch.arange(width, device=top.device)
    inside = (rows >= top[:, None]) & (rows < bottom[:, None])
    across = (columns >= left[:, None]) & (columns < right[:, None])
    return inside[:, None, :, None] & across[:, None, None, :]


def noisy_labels(labels: Tensor, index: Tensor, seed: int, rate: float, classes: int) -> Tensor:
    """Labels, (N,), each wrong with probability `rate`, uniformly over the other classes.

    So the matrix of transitions has 1 - rate on its diagonal and rate / (classes - 1) elsewhere.
    The same for a sample in every epoch: the noise is in the labels, not in the training.
    """
    if rate == 0 or classes == 1:
        return labels
    wrong = words(seed, Stream.NOISE, 0, index) < round(rate * 2**32)
    # A step of 1 to classes - 1 around the circle of classes never ends where it began.
    step = 1 + below(classes - 1, words(seed, Stream.NOISE_LABEL, 0, index))
    return torch.where(wrong, (labels + step) % classes, labels)
