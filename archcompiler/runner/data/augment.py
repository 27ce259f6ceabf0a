"""Training images on their way into the network: batched, on the device, without a generator."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from archcompiler.runner.data.order import Samples
from archcompiler.runner.data.randomness import Stream, below, uniforms, words
from archcompiler.runner.recipe.model import Augment

_STREAMS = (
    Stream.CROP_Y,
    Stream.CROP_X,
    Stream.FLIP,
    Stream.CUTOUT_Y,
    Stream.CUTOUT_X,
    Stream.MIX_KIND,
    Stream.MIX_SHARE,
    Stream.MIX_Y,
    Stream.MIX_X,
)


@cache
def _streams(device: torch.device) -> Tensor:
    """(9, 1). Made once: CUDA has to be waited for to copy a list."""
    return torch.tensor(_STREAMS, device=device)[:, None]


class Draws:
    """The random words of a batch, drawn for all uses at once: small kernels cost their launch."""

    def __init__(self, seed: int, samples: Samples) -> None:
        streams = _streams(samples.indices.device)
        self._words = words(seed, streams, samples.epochs, samples.indices)

    def integers(self, stream: Stream, bound: int) -> Tensor:
        """(N,) int64 in [0, bound)"""
        return below(bound, self._words[_STREAMS.index(stream)])

    def uniforms(self, stream: Stream) -> Tensor:
        """(N,) float32 in [0, 1)"""
        return uniforms(self._words[_STREAMS.index(stream)])


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
        """(N, C, H, W) bytes to float32. One grey channel fills all that there are means for."""
        return (images.float() - self.mean) * self.scale


def augment(images: Tensor, draws: Draws, how: Augment, normalise: Normaliser) -> Tensor:
    """(N, C, H, W) bytes to normalised float32 of the same height and width."""
    if how.crop_padding or how.flip:
        images = _crop_and_flip(images, draws, how)
    x = normalise(images)
    return _cut_out(x, draws, how.cutout) if how.cutout else x


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
