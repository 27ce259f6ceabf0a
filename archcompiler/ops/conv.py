"""Two-dimensional convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator, ShapeError
from archcompiler.ops.cost import Saved, Work


@dataclass(frozen=True, slots=True)
class Conv(Operator):
    """k×k convolution; `padding` pixels of zeros on every side, floor mode."""

    kind: ClassVar[str] = "conv"

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = False

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        height, width = self._size(x.height), self._size(x.width)
        if x.channels != self.in_channels:
            raise ShapeError(
                f"convolution expects {self.in_channels} channels, but gets {x.channels}",
                TensorType(self.out_channels, height, width),
            )
        uneven = next((c for c in (self.in_channels, self.out_channels) if c % self.groups), None)
        if uneven is not None:
            raise ShapeError(
                f"{uneven} channels do not divide into {self.groups} groups",
                TensorType(self.out_channels, height, width),
                code="E305",
            )
        if not x.empty and (height < 1 or width < 1):
            raise ShapeError(
                f"{self.kernel}×{self.kernel} convolution does not fit into "
                f"{x.height}×{x.width} pixels",
                TensorType(self.out_channels, 0, 0),
                code="E306",
            )
        return TensorType(self.out_channels, height, width)

    def _size(self, pixels: int) -> int:
        if pixels == 0:
            return 0
        return (pixels + 2 * self.padding - self.kernel) // self.stride + 1

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        macs = self._weights * output.pixels
        return Work(macs=macs, fvcore_flops=macs, activations=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        first = position * self.stride - self.padding
        return first, first + self.kernel - 1

    @property
    def step(self) -> int:
        return self.stride

    @property
    def label(self) -> str:
        grouped = ", grouped" if self.groups > 1 else ""
        return f"conv {self.kernel}×{self.kernel}{grouped}"

    @property
    def _weights(self) -> int:
        return self.out_channels * (self.in_channels // self.groups) * self.kernel**2

    @property
    def parameters(self) -> int:
        return self._weights + (self.out_channels if self.bias else 0)

    @property
    def layers(self) -> int:
        return 1
