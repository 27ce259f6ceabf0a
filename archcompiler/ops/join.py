"""Operators that join branches: sum, concatenation and the attention gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator, ShapeError, same_type
from archcompiler.ops.cost import Saved, Work

Learning = Literal["residual", "naive"]


class Add(Operator):
    """Elementwise sum."""

    kind: ClassVar[str] = "add"

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        return same_type(inputs, "an addition")

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        return position, position


@dataclass(frozen=True)
class Gate(Operator):
    """Attention (section 3.1): residual learning (1 + M)·T, equation 3, or naive learning M·T."""

    kind: ClassVar[str] = "gate"

    learning: Learning = "residual"

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        return same_type(inputs, "an attention gate")

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0, 1))

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        return position, position

    def roles(self, count: int) -> tuple[str, ...]:
        return ("trunk", "mask")


class Concat(Operator):
    """Concatenation of channels, in order."""

    kind: ClassVar[str] = "concat"

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        channels = sum(x.channels for x in inputs)
        first = inputs[0]
        result = TensorType(channels, first.height, first.width)
        if any(x.empty for x in inputs):
            return TensorType(channels, 0, 0)
        for other in inputs[1:]:
            if (other.height, other.width) != (first.height, first.width):
                raise ShapeError(
                    f"a concatenation needs equal heights and widths, but gets {first} and {other}",
                    result,
                )
        return result

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        return position, position

    def roles(self, count: int) -> tuple[str, ...]:
        return tuple(f"part{i}" for i in range(1, count + 1))
