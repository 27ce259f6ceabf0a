"""Fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator, ShapeError


@dataclass(frozen=True, slots=True)
class Linear(Operator):
    """Classifier over a 1×1 map."""

    kind: ClassVar[str] = "linear"

    in_features: int
    out_features: int
    bias: bool = True

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        result = TensorType(self.out_features, 1, 1)
        if not x.empty and x != TensorType(self.in_features, 1, 1):
            raise ShapeError(f"linear layer expects {self.in_features}×1×1, but gets {x}", result)
        return result

    @property
    def parameters(self) -> int:
        return self.in_features * self.out_features + (self.out_features if self.bias else 0)

    @property
    def layers(self) -> int:
        return 1
