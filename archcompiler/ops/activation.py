"""Pointwise operators that keep the shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator


@dataclass(frozen=True, slots=True)
class Pointwise(Operator):
    """An operator on each element by itself."""

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        return x


@dataclass(frozen=True, slots=True)
class Relu(Pointwise):
    kind: ClassVar[str] = "relu"


@dataclass(frozen=True, slots=True)
class Sigmoid(Pointwise):
    kind: ClassVar[str] = "sigmoid"


@dataclass(frozen=True, slots=True)
class Dropout(Pointwise):
    """Zeroes elements with this probability while training."""

    kind: ClassVar[str] = "dropout"

    probability: float
