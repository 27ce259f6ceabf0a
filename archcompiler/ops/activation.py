"""Pointwise operators that keep the shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator
from archcompiler.ops.cost import BYTES, Saved, Work


class Pointwise(Operator):
    """An operator on each element by itself."""

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        return x

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        return position, position


class Relu(Pointwise):
    """max(x, 0)."""

    kind: ClassVar[str] = "relu"

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # In place or not: nothing may keep what a ReLU overwrites.
        return Saved(output=True)


class Sigmoid(Pointwise):
    """1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(output=True)


@dataclass(frozen=True)
class Dropout(Pointwise):
    """Zeroes elements with this probability while training."""

    kind: ClassVar[str] = "dropout"

    probability: float

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work()  # the identity in inference

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # The scaled noise as float32, on the CPU; a GPU keeps a byte per element.
        return Saved(image_bytes=BYTES * output.numel)

    def moved(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return 0
