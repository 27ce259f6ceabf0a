"""Reductions along one axis or all, which leave one element there, and softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.axes import dimension
from archcompiler.ops.base import Autocast, Cast, Number, Operator, Role, with_fields
from archcompiler.ops.cost import Saved, Work

How = Literal["mean", "max", "sum"]
Along = Literal["channels", "positions", "depth", "height", "width"]
COUNT_BYTES: Final = 8
"""Bytes of an int64."""


@with_fields
class Reduce(Operator):
    """The mean, the largest or the sum along an axis or over all positions; it keeps a 1 there."""

    kind: ClassVar[str] = "reduce"
    role: ClassVar[Role] = "pool"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "how": Argument("word", choices=("mean", "max", "sum"), help="what becomes of them"),
        "axis": Argument(
            "word",
            choices=("channels", "positions", "depth", "height", "width"),
            help="over which",
        ),
    }

    how: How
    axis: Along

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        if given["axis"] != "positions":
            dimension(given["axis"], dims)
        if dims == 1 and given["axis"] == "width":
            given["axis"] = "positions"
        return cls(**given)

    def autocast(self, device: Autocast, dims: int) -> Cast | None:
        return "wide" if device == "cuda" and self.how == "sum" else None

    @property
    def isotropic(self) -> bool:
        return self.axis in ("channels", "positions")

    def out(self, channels: tuple[Number, ...]) -> Number:
        return 1 if self.axis == "channels" else channels[0]

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.empty:
            return TensorType(1, *x.size) if self.axis == "channels" else x
        if self.axis == "positions":
            return x.filled(x.channels, 1)
        sides = [x.channels, *x.size]
        sides[dimension(self.axis, x.dims) - 1] = 1
        return TensorType(*sides)

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=inputs[0].numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,), output=True) if self.how == "max" else Saved()

    @property
    def compares(self) -> bool:
        return self.how == "max"

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # The gradient of a maximum is dealt out to all that are equal to it.
        return output.numel if self.how == "max" else 0

    def scratch_bytes(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # Which are, and how many.
        return inputs[0].numel + COUNT_BYTES * output.numel if self.how == "max" else 0

    def lends(self, input: TensorType, output: TensorType) -> bool:
        return self.how == "sum"

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return (0, size - 1) if output_size == 1 else (position, position)

    @property
    def label(self) -> str:
        return f"{self.how} over {self.axis}"


@with_fields
class Softmax(Operator):
    """exp(x), divided by its sum over the channels of a position or the positions of a channel."""

    kind: ClassVar[str] = "softmax"
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {"cuda": "single"}
    role: ClassVar[Role] = "norm"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "axis": Argument(
            "word", "channels", choices=("channels", "positions"), help="over which they sum to 1"
        )
    }

    axis: Literal["channels", "positions"] = "channels"

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        return self.only(inputs)

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(output=True)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return (0, size - 1) if self.axis == "positions" else (position, position)
