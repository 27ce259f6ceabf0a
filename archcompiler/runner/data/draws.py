"""The random numbers of a batch."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from archcompiler.runner.data.order import Samples
from archcompiler.runner.data.randomness import Stream, below, uniforms, words

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
    """The random words of a batch. What most recipes draw is drawn at once: small kernels cost
    their launch.
    """

    def __init__(self, seed: int, samples: Samples) -> None:
        self._seed = seed
        self._samples = samples
        streams = _streams(samples.indices.device)
        self._words = words(seed, streams, samples.epochs, samples.indices)

    def integers(self, stream: Stream, bound: int) -> Tensor:
        """(N,) int64 in [0, bound)"""
        return below(bound, self._words[_STREAMS.index(stream)])

    def uniforms(self, stream: Stream) -> Tensor:
        """(N,) float32 in [0, 1)"""
        return uniforms(self._words[_STREAMS.index(stream)])

    def words(self, first: Stream, count: int) -> Tensor:
        """(count, N) words, of the streams from `first` on."""
        epochs, indices = self._samples
        streams = torch.arange(first, first + count, device=indices.device)[:, None]
        return words(self._seed, streams, epochs, indices)
