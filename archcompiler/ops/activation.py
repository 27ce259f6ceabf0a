"""Pointwise operators that keep the shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator


class Pointwise(Operator):
    """An operator on each element by itself."""

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        return x


class Relu(Pointwise):
    """max(x, 0)."""

    kind: ClassVar[str] = "relu"


class Sigmoid(Pointwise):
    """1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"


@dataclass(frozen=True)
class Dropout(Pointwise):
    """Zeroes elements with this probability while training."""

    kind: ClassVar[str] = "dropout"

    probability: float
