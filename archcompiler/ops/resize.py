"""Resampling to the size of another map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator
from archcompiler.ops.cost import Saved, Work

InterpolationMode = Literal["bilinear", "nearest"]


@dataclass(frozen=True, slots=True)
class Interpolate(Operator):
    """Resamples its first input to the height and width of its second, its target."""

    kind: ClassVar[str] = "interpolate"

    mode: InterpolationMode = "bilinear"
    align_corners: bool = True

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        data, target = inputs
        return TensorType(data.channels, target.height, target.width)

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        flops = 4 if self.mode == "bilinear" else 1
        return Work(fvcore_flops=flops * output.numel, elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
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

    def roles(self, count: int) -> tuple[str, ...]:
        return ("data", "size")
