"""Operators on each element by itself, which keep the shape."""

from __future__ import annotations

from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator, Role
from archcompiler.ops.cost import Work


class Pointwise(Operator):
    """An operator on each element by itself."""

    role: ClassVar[Role] = "norm"

    @property
    def keeps_size(self) -> bool:
        return True

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        return self.only(inputs)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position, position


class Elementwise(Pointwise):
    """A pointwise operator whose work is an element of its output each."""

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)
