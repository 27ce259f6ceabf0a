"""Channels that become pixels, and pixels that become channels."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Number, Role, ShapeError, divided, with_fields
from archcompiler.ops.split import Moving


@with_fields
class Dealing(Moving):
    """An operator that moves elements between the channels and the positions of a map."""

    role: ClassVar[Role] = "resample"

    factor: int
    dims: int = 2

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        return cls(**cls.complete(dims, arguments), dims=dims)

    @property
    def _pixels(self) -> Number:
        """Of one position of the smaller map."""
        product = self.factor
        for _ in range(self.dims - 1):
            product = product * self.factor
        return product


@with_fields
class PixelShuffle(Dealing):
    """Channels as the pixels of a map `factor` times as large (Shi et al., ESPCN, equation 4)."""

    kind: ClassVar[str] = "pixel_shuffle"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "factor": Argument("int", least=1, help="how often as large, along each axis")
    }

    def out(self, channels: tuple[Number, ...]) -> Number:
        return divided(channels[0], self._pixels)

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        size = (side * self.factor for side in x.size)
        result = TensorType(max(1, x.channels // self._pixels), *size)
        if x.channels % self._pixels:
            raise ShapeError(
                f"{x.channels} channels are not so many times the {self._pixels} pixels that "
                f"a pixel shuffle by {self.factor} makes of a position",
                result,
                code="E305",
            )
        return result

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position // self.factor, position // self.factor

    def step(self, size: int, output_size: int, axis: int) -> int | Fraction:
        return Fraction(1, self.factor)


@with_fields
class PixelUnshuffle(Dealing):
    """The pixels of each square of `factor` as channels of one; the sides have to divide."""

    kind: ClassVar[str] = "pixel_unshuffle"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "factor": Argument("int", least=1, help="how often as small, along each axis")
    }

    def out(self, channels: tuple[Number, ...]) -> Number:
        return channels[0] * self._pixels

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        size = (side // self.factor for side in x.size)
        result = TensorType(x.channels * self._pixels, *size)
        if any(side % self.factor for side in x.size):
            raise ShapeError(
                f"a pixel unshuffle by {self.factor} needs sides that it divides, but gets "
                f"{x.pixel_words} pixels",
                result,
                help=f"a convolution with a stride of {self.factor} takes every size",
            )
        return result

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position * self.factor, (position + 1) * self.factor - 1

    def step(self, size: int, output_size: int, axis: int) -> int | Fraction:
        return self.factor
