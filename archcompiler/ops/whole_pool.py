"""Pooling to a size, whatever the input has."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Operator, with_fields
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.pool import INDEX_BYTES, Pool
from archcompiler.ops.sides import Sides, spread

SIZE: Mapping[str, Argument] = {"size": Argument("ints", least=1, help="pixels of the output")}


class GlobalPool(Pool):
    """Pooling of all positions: (C, H, W) to (C, 1, 1) for any size."""

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        return x if x.empty else x.filled(x.channels, 1)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return 0, size - 1


class GlobalAvgPool(GlobalPool):
    """Mean over all positions: (C, H, W) to (C, 1, 1) for any size."""

    kind: ClassVar[str] = "global_avg_pool"

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return averaged(inputs[0])

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()


class GlobalMaxPool(GlobalPool):
    """The largest of all positions: (C, H, W) to (C, 1, 1) for any size."""

    kind: ClassVar[str] = "global_max_pool"

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=inputs[0].numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,), image_bytes=INDEX_BYTES * output.numel)


@with_fields
class AdaptivePool(Pool):
    """Pooling to `size`: as many windows along each axis, which overlap where they have to."""

    arguments: ClassVar[Mapping[str, Argument]] = SIZE

    size: Sides

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        return x if x.empty else TensorType(x.channels, *spread(self.size, x.dims))

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        first = position * size // output_size
        return first, -(-(position + 1) * size // output_size) - 1

    def step(self, size: int, output_size: int, axis: int) -> int | Fraction:
        return Fraction(size, output_size)


@with_fields
class AdaptiveAvgPool(AdaptivePool):
    """The mean of each window."""

    kind: ClassVar[str] = "adaptive_avg_pool"

    @property
    def simplified(self) -> Operator | None:
        return GlobalAvgPool() if self.size == 1 else self

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return averaged(inputs[0])

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved() if output.pixels == 1 else Saved(inputs=(0,))


@with_fields
class AdaptiveMaxPool(AdaptivePool):
    """The largest element of each window."""

    kind: ClassVar[str] = "adaptive_max_pool"

    @property
    def simplified(self) -> Operator | None:
        return GlobalMaxPool() if self.size == 1 else self

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=inputs[0].numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,), image_bytes=INDEX_BYTES * output.numel)


def averaged(x: TensorType) -> Work:
    """Work of a mean over windows of any size: fvcore counts what is read, of 2-D maps alone."""
    return Work(fvcore_flops=x.numel if x.dims == 2 else 0, elements=x.numel)
