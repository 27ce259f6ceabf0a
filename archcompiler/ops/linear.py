"""Fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator, ShapeError
from archcompiler.ops.cost import Saved, Work


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

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        macs = self.in_features * self.out_features
        return Work(macs=macs, fvcore_flops=macs, activations=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        return position, position

    @property
    def parameters(self) -> int:
        return self.in_features * self.out_features + (self.out_features if self.bias else 0)

    @property
    def layers(self) -> int:
        return 1
