"""Shapes of feature maps."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True, init=False)
class TensorType:
    """Shape of one image's feature map: channels, then a size in 1, 2 or 3 dimensions.

    `TensorType(64, 56, 56)` is (C, H, W). A size of zeros marks a map that ran out of pixels.
    """

    channels: int
    size: tuple[int, ...]

    def __init__(self, channels: int, *size: int) -> None:
        object.__setattr__(self, "channels", channels)
        object.__setattr__(self, "size", size)

    @property
    def dims(self) -> int:
        """Spatial dimensions."""
        return len(self.size)

    @property
    def empty(self) -> bool:
        return 0 in self.size

    @property
    def pixels(self) -> int:
        return prod(self.size)

    @property
    def numel(self) -> int:
        return self.channels * prod(self.size)

    def filled(self, channels: int, side: int) -> TensorType:
        """A map of so many channels with `side` pixels along each of this one's axes."""
        return TensorType(channels, *(side,) * len(self.size))

    @property
    def exhausted(self) -> TensorType:
        """What is left of this map when it runs out of pixels."""
        return self.filled(self.channels, 0)

    @property
    def pixel_words(self) -> str:
        """`56×56`"""
        return "×".join(map(str, self.size))

    def __str__(self) -> str:
        return f"{self.channels}×{self.pixel_words}"
