"""Attention: dot products of all pairs of positions or of channels, and sums weighted by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Cast, Number, Operator, Role, ShapeError, with_fields
from archcompiler.ops.cost import Saved, Work


class Pairs(Operator):
    """A product of matrices over all pairs of positions, or of channels."""

    role: ClassVar[Role] = "join"
    cast: ClassVar[Cast | None] = "half"
    crossed: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (2, 2)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0, 1))

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position, position


@with_fields
class Dot(Pairs):
    """Query (C, *S) and key (C, *K) to the dot products of all their positions, (|K|, *S)."""

    kind: ClassVar[str] = "dot"
    whole: ClassVar[frozenset[str]] = frozenset({"key"})
    arguments: ClassVar[Mapping[str, Argument]] = {
        "scale": Argument("bool", False, "divide by the root of C")
    }

    scale: bool = False

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        self.check(inputs)
        query, key = inputs
        result = TensorType(key.pixels, *query.size)
        if query.empty or key.empty:
            return TensorType(max(1, key.pixels), *query.exhausted.size)
        if query.channels != key.channels:
            raise ShapeError(f"dot products need equal channels, but get {query} and {key}", result)
        return result

    def roles(self, count: int) -> tuple[str, ...]:
        return ("query", "key")

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        macs = inputs[0].channels * output.numel
        return Work(macs=macs, fvcore_flops=macs)


class Attend(Pairs):
    """Weights (|K|, *S) and values (C, *K) to the weighted sums of all values, (C, *S)."""

    kind: ClassVar[str] = "attend"
    whole: ClassVar[frozenset[str]] = frozenset({"values"})

    def out(self, channels: tuple[Number, ...]) -> Number:
        return channels[1]

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        self.check(inputs)
        weights, values = inputs
        result = TensorType(values.channels, *weights.size)
        if weights.empty or values.empty:
            return result.exhausted
        if weights.channels != values.pixels:
            raise ShapeError(
                f"{weights.channels} weights a position are not for {values.pixel_words} values",
                result,
            )
        return result

    def roles(self, count: int) -> tuple[str, ...]:
        return ("weights", "values")

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        macs = inputs[0].channels * output.numel
        return Work(macs=macs, fvcore_flops=macs)


class BilinearPool(Pairs):
    """Values (C, *S) and weights (K, *S) to the sums of all values by each weight, (C, K, 1)."""

    kind: ClassVar[str] = "bilinear_pool"
    whole: ClassVar[frozenset[str]] = frozenset({"values", "weights"})

    @property
    def isotropic(self) -> bool:
        return False

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        self.check(inputs)
        values, weights = inputs
        result = TensorType(values.channels, weights.channels, *[1] * (values.dims - 1))
        if values.empty or weights.empty:
            return result.exhausted
        if values.size != weights.size:
            raise ShapeError(
                f"a bilinear pool needs maps of one size, but gets {values} and {weights}", result
            )
        return result

    def roles(self, count: int) -> tuple[str, ...]:
        return ("values", "weights")

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        macs = inputs[0].numel * inputs[1].channels
        return Work(macs=macs, fvcore_flops=macs)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return 0, size - 1
