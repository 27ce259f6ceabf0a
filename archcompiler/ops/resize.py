"""Resampling to the size of another map, or to a multiple of the own."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Literal, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Autocast, Cast, Number, Operator, Role, with_fields
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.sides import ArgumentError, Sides, along, spread

InterpolationMode = Literal["bilinear", "nearest"]

RESAMPLING: Mapping[str, Argument] = {
    "mode": Argument(
        "word", "bilinear", choices=("bilinear", "nearest"), help="how pixels are made"
    ),
    "align_corners": Argument("bool", None, "true if the mode is bilinear, which alone has it"),
}


def aligned(given: Mapping[str, Any]) -> bool:
    """Whether the corners of input and output are aligned. Raises ArgumentError."""
    align: bool | None = given["align_corners"]
    linear = given["mode"] == "bilinear"
    if align and not linear:
        raise ArgumentError("align_corners", "is for the mode `bilinear` alone")
    return linear if align is None else align


@with_fields
class Resample(Operator):
    """Resampling of a map to a size, from the nearest position or linearly along each axis."""

    role: ClassVar[Role] = "resample"
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {"cuda": "single"}

    mode: InterpolationMode = "bilinear"
    align_corners: bool = True

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        # fvcore counts 2-D maps alone.
        flops = 0 if output.dims != 2 else 4 if self.mode == "bilinear" else 1
        return Work(fvcore_flops=flops * output.numel, elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        if self.mode == "nearest":
            nearest = position * size // output_size
            return nearest, nearest
        if self.align_corners:
            above, below = position * (size - 1), max(1, output_size - 1)
        else:
            above = max(0, (2 * position + 1) * size - output_size)
            below = 2 * output_size
        # The two positions around the fraction above / below, or the one that it hits.
        return above // below, min(size - 1, -(-above // below))


@with_fields
class Interpolate(Resample):
    """Resamples its first input to the size of its second, its target.

    `bilinear` is linear along each axis, in any number of dimensions.
    """

    kind: ClassVar[str] = "interpolate"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    arguments: ClassVar[Mapping[str, Argument]] = RESAMPLING

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        return cls(given["mode"], aligned(given))

    @property
    def keeps_size(self) -> bool:
        return True

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        self.check(inputs)
        data, target = inputs
        return TensorType(data.channels, *target.size)

    def roles(self, count: int) -> tuple[str, ...]:
        return ("data", "size")


@with_fields
class Upsample(Resample):
    """Resamples a map to `scale` times its size."""

    kind: ClassVar[str] = "upsample"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "scale": Argument("ints", 2, "how often as large", least=1),
        **RESAMPLING,
    }

    scale: Sides = 2

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        return cls(given["mode"], aligned(given), given["scale"])

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        scales = spread(self.scale, x.dims)
        return TensorType(x.channels, *(a * b for a, b in zip(x.size, scales, strict=True)))

    def step(self, size: int, output_size: int, axis: int) -> int | Fraction:
        return Fraction(1, along(self.scale, axis))
