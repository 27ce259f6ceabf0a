"""Random numbers that depend on (seed, epoch, index) and on nothing else.

A hash of counters in place of a generator with a state: there is nothing to save in a checkpoint
and nothing to replay after it, and a sample gets the same numbers on any device, in any process.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, TypeVar

import torch
from torch import Tensor

Words = TypeVar("Words", int, Tensor)

_MASK = 0xFFFF_FFFF


class Stream(IntEnum):
    """One independent sequence for each use."""

    ORDER = 0
    CROP_Y = 1
    CROP_X = 2
    FLIP = 3
    CUTOUT_Y = 4
    CUTOUT_X = 5
    MIX_KIND = 6
    MIX_SHARE = 7
    MIX_Y = 8
    MIX_X = 9
    NOISE = 10
    NOISE_LABEL = 11
    INIT = 12
    STEP = 13
    VALIDATION = 14
    TEST = 15
    WINDOW = 32
    """The first of those that place a training crop in a photograph."""
    COLOUR = 80
    """The first of four: brightness, contrast, saturation, and the order of them."""
    LIGHTING = 84
    """The first of three, one for each principal axis."""
    ERASE = 96
    """The first of those that choose a box to erase."""
    RANDAUGMENT = 128
    """The first of those that choose an operation, one for each layer."""


def words(seed: int, stream: int | Tensor, epoch: int | Tensor, index: Tensor) -> Tensor:
    """Random whole numbers in [0, 2³²) as int64, of the shape that the arguments broadcast to."""
    found: Tensor = _hash(_mix(seed), stream, epoch, index)
    return found


def word(seed: int, stream: int, epoch: int, index: int) -> int:
    """One of `words`."""
    found: int = _hash(_mix(seed), stream, epoch, index)
    return found


def uniforms(numbers: Tensor) -> Tensor:
    """`words` brought to [0, 1) as float32, the same to the bit on every device."""
    return (numbers >> 8).float() * 2.0**-24


def uniform(seed: int, stream: int, epoch: int, index: int) -> float:
    """A `word` brought to [0, 1) in the same way."""
    return (word(seed, stream, epoch, index) >> 8) * 2.0**-24


def below(bound: int | Tensor, numbers: Tensor) -> Tensor:
    """`words` brought to [0, bound), for a bound below 2³¹."""
    return (numbers * bound) >> 32


def permutation(seed: int, epoch: int, count: int) -> Tensor:
    """A random order of `count` samples: (count,) int64."""
    index = torch.arange(count)
    # The index below the hash makes all keys differ, so that every sort gives the same order.
    return torch.argsort(words(seed, Stream.ORDER, epoch, index) * count + index)


def _hash(key: int, stream: Any, epoch: Any, index: Any) -> Any:
    tweak = (key + stream * 0x3779_97F5) & _MASK
    return _mix(_mix(_mix(index ^ tweak) + epoch & _MASK) ^ (tweak >> 7))


def _mix(x: Words) -> Words:
    """A bijection of 32-bit words (a low-bias hash of C. Wellons' search).

    Both factors are below 2³¹, so that no product leaves a signed 64-bit word.
    """
    x = ((x >> 16) ^ x) * 0x21F0_AAAD & _MASK
    x = ((x >> 15) ^ x) * 0x735A_2D97 & _MASK
    return (x >> 15) ^ x
