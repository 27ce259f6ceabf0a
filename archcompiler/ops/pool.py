"""Max pooling and global average pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator, ShapeError
from archcompiler.ops.cost import Saved, Work

INDEX_BYTES = 8
"""Bytes of an int64, torch's type for the place of a maximum."""


@dataclass(frozen=True)
class MaxPool(Operator):
    """k×k max pooling with torch's size rule.

    In ceil mode a last window may hang over the edge, if it starts inside the map or its padding.
    """

    kind: ClassVar[str] = "max_pool"

    kernel: int
    stride: int
    padding: int = 0
    ceil: bool = False

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if x.empty:
            return x
        height, width = self._size(x.height), self._size(x.width)
        if height < 1 or width < 1:
            raise ShapeError(
                f"{self.kernel}×{self.kernel} max pool with stride {self.stride} "
                f"runs out of pixels at {x.height}×{x.width}",
                TensorType(x.channels, 0, 0),
                code="E306",
                help="a larger input, or less stride before it",
            )
        return TensorType(x.channels, height, width)

    def _size(self, pixels: int) -> int:
        room = pixels + 2 * self.padding - self.kernel
        size = (room + (self.stride - 1 if self.ceil else 0)) // self.stride + 1
        if self.ceil and (size - 1) * self.stride >= pixels + self.padding:
            size -= 1
        return size

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=inputs[0].numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,), image_bytes=INDEX_BYTES * output.numel)

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        first = position * self.stride - self.padding
        return first, first + self.kernel - 1

    @property
    def step(self) -> int:
        return self.stride


class GlobalAvgPool(Operator):
    """Mean over all positions: (C, H, W) to (C, 1, 1) for any H and W."""

    kind: ClassVar[str] = "global_avg_pool"

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        return x if x.empty else TensorType(x.channels, 1, 1)

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(fvcore_flops=inputs[0].numel, elements=inputs[0].numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        return 0, size - 1
