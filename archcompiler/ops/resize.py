"""Resampling to the size of another map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator

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

    def roles(self, count: int) -> tuple[str, ...]:
        return ("data", "size")
