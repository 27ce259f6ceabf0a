"""Subsampling behind a low-pass filter."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import prod
from typing import Any, ClassVar, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Cast, Number, Operator, Role, ShapeError, with_fields
from archcompiler.ops.cost import BYTES, Saved, Work
from archcompiler.ops.sides import ArgumentError

KERNELS = (3, 5)


@with_fields
class BlurPool(Operator):
    """Binomial filter of each channel, then every `stride`-th position, edges reflected.

    As Zhang has it in "Making Convolutional Networks Shift-Invariant Again" (ICML 2019): 1 2 1 or
    1 4 6 4 1 along each axis, and half a kernel of reflection on either side.
    """

    kind: ClassVar[str] = "blur_pool"
    cast: ClassVar[Cast | None] = "half"
    role: ClassVar[Role] = "pool"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "kernel": Argument("int", 3, "3 or 5", least=3, most=5),
        "stride": Argument("int", 2, "pixels between windows", least=1),
    }

    kernel: int = 3
    stride: int = 2
    dims: int = 2

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        if isinstance(given["kernel"], int) and given["kernel"] not in KERNELS:
            raise ArgumentError("kernel", f"is 3 or 5, not {given['kernel']}")
        return cls(**given, dims=dims)

    @property
    def _edge(self) -> int:
        return self.kernel // 2

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.empty:
            return x
        if min(x.size) <= self._edge:
            raise ShapeError(
                f"{self.label} with a kernel of {self.kernel} runs out of pixels at "
                f"{x.pixel_words}",
                x.exhausted,
                code="E306",
                help="a larger input, or less stride before it",
            )
        return TensorType(x.channels, *((side - 1) // self.stride + 1 for side in x.size))

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        # To torch it is a convolution, whose filter happens to be known.
        macs = self.buffers * output.numel
        return Work(macs=macs, fvcore_flops=macs, activations=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # The map, and the map with its reflected edges.
        padded = self._padded(*inputs)
        return Saved(inputs=(0,), image_bytes=BYTES * padded, typed=padded)

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # The gradient of the map with its edges comes before that of the map.
        return self._padded(*inputs) - inputs[0].numel

    @property
    def recalled(self) -> bool:
        return True

    def recall(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return self._padded(*inputs)

    def _padded(self, x: TensorType) -> int:
        """Elements of a map with its reflected edges."""
        return int(x.channels * prod(side + 2 * self._edge for side in x.size))

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        first = position * self.stride - self._edge
        return first, first + self.kernel - 1

    def step(self, size: int, output_size: int, axis: int) -> int | Fraction:
        return self.stride

    @property
    def buffers(self) -> int:
        return int(self.kernel**self.dims)
