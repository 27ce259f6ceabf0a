"""Reductions along one axis or all, which leave one element there, and softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.axes import dimension
from archcompiler.ops.base import (
    Autocast,
    Cast,
    Number,
    Operator,
    Role,
    ShapeError,
    with_fields,
)
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.sides import ArgumentError

How = Literal["mean", "max", "sum", "var", "norm"]
Along = Literal["channels", "positions", "depth", "height", "width"]
COUNT_BYTES: Final = 8
"""Bytes of an int64."""
_WORDS: Final[Mapping[How, str]] = {"var": "variance", "norm": "L2 norm"}


@with_fields
class Reduce(Operator):
    """Mean, largest, sum, variance or L2 norm along an axis or over all positions; it keeps a 1.

    The variance is that of a sample, whose sum is divided by one less than there are elements.
    """

    kind: ClassVar[str] = "reduce"
    role: ClassVar[Role] = "pool"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "how": Argument(
            "word",
            choices=("mean", "max", "sum", "var", "norm"),
            help="what becomes of them; var: the unbiased variance; norm: the L2 norm",
        ),
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
        return "wide" if device == "cuda" and self.how in ("sum", "norm") else None

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
            result = x.filled(x.channels, 1)
        else:
            sides = [x.channels, *x.size]
            sides[dimension(self.axis, x.dims) - 1] = 1
            result = TensorType(*sides)
        if self.how == "var" and result == x:
            raise ShapeError(
                f"a variance over {self.axis} needs more than one element, but gets {x}",
                result.exhausted,
                code="E306",
            )
        return result

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=inputs[0].numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        output_too = self.how in ("max", "norm")
        return Saved(inputs=(0,) if output_too or self.how == "var" else (), output=output_too)

    @property
    def compares(self) -> bool:
        return self.how == "max"

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        match self.how:
            case "max":
                return output.numel  # the gradient is dealt out to all that are equal to it
            case "var":
                return inputs[0].numel + 2 * output.numel  # the distances from the mean
            case "norm":
                return inputs[0].numel  # the quotients by the norm
        return 0

    def scratch_bytes(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        match self.how:
            case "max":
                return inputs[0].numel + COUNT_BYTES * output.numel  # which are, and how many
            case "norm":
                return output.numel  # where it is 0
        return 0

    def lends(self, position: int, input: TensorType, output: TensorType) -> bool:
        return self.how == "sum"

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return (0, size - 1) if output_size == 1 else (position, position)

    @property
    def label(self) -> str:
        return f"{_WORDS.get(self.how, self.how)} over {self.axis}"


@with_fields
class Softmax(Operator):
    """exp(x) by its sum over all channels, all positions, or one channel of each of `of` parts."""

    kind: ClassVar[str] = "softmax"
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {"cuda": "single"}
    role: ClassVar[Role] = "norm"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "axis": Argument(
            "word",
            "channels",
            choices=("channels", "positions", "parts"),
            help="over which they sum to 1",
        ),
        "of": Argument("int", None, "2 for the axis `parts`, which alone has it", least=1),
    }

    axis: Literal["channels", "positions", "parts"] = "channels"
    of: int = 1

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        axis, of = given["axis"], given["of"]
        if axis != "parts":
            if of is not None:
                raise ArgumentError("of", "is for the axis `parts` alone")
            return cls(axis)
        return cls(axis, 2 if of is None else of)

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.channels % self.of:
            raise ShapeError(
                f"{x.channels} channels do not divide into {self.of} parts", x, code="E305"
            )
        return x

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(output=True)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return (0, size - 1) if self.axis == "positions" else (position, position)
