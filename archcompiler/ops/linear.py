"""Fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Cast, Number, Operator, Role, ShapeError, with_fields
from archcompiler.ops.cost import Saved, Work


@with_fields
class Linear(Operator):
    """Fully connected layer over the channels of a map of one pixel."""

    kind: ClassVar[str] = "linear"
    cast: ClassVar[Cast | None] = "half"
    role: ClassVar[Role] = "linear"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "features": Argument("int", least=1, help="channels of the output"),
        "bias": Argument("bool", True, "add a number to each feature"),
    }

    in_features: int
    out_features: int
    bias: bool = True

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        return cls(inputs[0], given["features"], given["bias"])

    def out(self, channels: tuple[Number, ...]) -> Number:
        return self.out_features

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        result = x.filled(self.out_features, 1)
        expected = x.filled(self.in_features, 1)
        if not x.empty and x != expected:
            raise ShapeError(f"linear layer expects {expected}, but gets {x}", result)
        return result

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        macs = self.in_features * self.out_features
        return Work(macs=macs, fvcore_flops=macs, activations=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position, position

    @property
    def parameters(self) -> int:
        return self.in_features * self.out_features + (self.out_features if self.bias else 0)

    @property
    def layers(self) -> int:
        return 1
