"""Activations."""

from __future__ import annotations

from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.cost import Saved
from archcompiler.ops.pointwise import Elementwise


class Relu(Elementwise):
    """max(x, 0)."""

    kind: ClassVar[str] = "relu"

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # In place or not: nothing may keep what a ReLU overwrites.
        return Saved(output=True)


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(output=True)
