"""Normalisations: batch, spatial (one channel's map) and channel (one position's vector)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator, ShapeError


@dataclass(frozen=True)
class BatchNorm(Operator):
    """Batch normalisation with scale and shift."""

    kind: ClassVar[str] = "batch_norm"

    channels: int
    eps: float = 1e-5
    momentum: float = 0.1

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if x.channels != self.channels:
            raise ShapeError(
                f"batch norm expects {self.channels} channels, but gets {x.channels}", x
            )
        return x

    @property
    def parameters(self) -> int:
        return 2 * self.channels


@dataclass(frozen=True)
class SpatialNorm(Operator):
    """Each channel's map to zero mean and unit variance (spatial attention, section 3.2)."""

    kind: ClassVar[str] = "spatial_norm"

    eps: float = 1e-5

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if x.pixels == 1:
            raise ShapeError(
                "a spatial mask needs more than one pixel to normalise over",
                TensorType(x.channels, 0, 0),
                code="E306",
            )
        return x


@dataclass(frozen=True)
class ChannelNorm(Operator):
    """Each position's channel vector divided by its L2 norm (channel attention, section 3.2)."""

    kind: ClassVar[str] = "channel_norm"

    eps: float = 1e-12

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        return x
