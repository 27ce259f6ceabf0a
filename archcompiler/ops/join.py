"""Operators that join branches: sum, concatenation and the attention gate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any, ClassVar, Literal, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.axes import Axis, dimension
from archcompiler.ops.base import (
    Autocast,
    Cast,
    Number,
    Operator,
    Role,
    ShapeError,
    broadcast,
    widest,
    with_fields,
)
from archcompiler.ops.cost import BYTES, Saved, Work

Learning = Literal["residual", "naive"]


class Join(Operator):
    """An operator on elements at the same position of two or more maps."""

    role: ClassVar[Role] = "join"
    arity: ClassVar[tuple[int, int | None]] = (2, None)

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return (0, 0) if size == 1 else (position, position)


class Broadcasting(Join):
    """A join whose inputs are spread over one another, channels and axes that have one element."""

    what: ClassVar[str]
    """What it is called where shapes do not fit."""

    @property
    def keeps_size(self) -> bool:
        return True

    def out(self, channels: tuple[Number, ...]) -> Number:
        return widest(channels)

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        self.check(inputs)
        return broadcast(inputs, self.what)


class Add(Broadcasting):
    """Elementwise sum. An input may have one channel, or one pixel along an axis."""

    kind: ClassVar[str] = "add"
    what: ClassVar[str] = "an addition"
    chained: ClassVar[bool] = True

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel * (len(inputs) - 1))

    def lends(self, position: int, input: TensorType, output: TensorType) -> bool:
        return input == output


class Maximum(Broadcasting):
    """The larger of elements at one position. An input may have one channel, or one pixel."""

    kind: ClassVar[str] = "maximum"
    what: ClassVar[str] = "a maximum"
    chained: ClassVar[bool] = True

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel * (len(inputs) - 1))

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # Two at a time: of more, what comes between is kept as well.
        between = self.recall(inputs, output)
        read = tuple(range(len(inputs)))
        return Saved(inputs=read, image_bytes=BYTES * between, typed=between)

    @property
    def recalled(self) -> bool:
        return True

    def recall(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return sum(broadcast(inputs[:n], self.what).numel for n in range(2, len(inputs)))

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # The gradients of the last two have the size of the output until they are summed to that
        # of a smaller one, and half of the output's stands for where both are equal. Those of more
        # inputs come after that.
        return 3 * output.numel - sum(x.numel for x in inputs)

    def scratch_bytes(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return 2 * output.numel  # where they are equal, and where one is less


class Mul(Broadcasting):
    """Elementwise product. An input may have one channel, or one pixel along an axis."""

    kind: ClassVar[str] = "mul"
    what: ClassVar[str] = "a product"
    crossed: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (2, 2)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0, 1))

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # What is summed to the gradient of each smaller input.
        return output.numel * sum(x != output for x in inputs)

    def roles(self, count: int) -> tuple[str, ...]:
        return ("data", "mask")

    def order(self, inputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        # The factor that is broadcast to the other is the mask; of two that are, the second one.
        left, right = inputs
        return (1, 0) if left != right == broadcast(inputs, self.what) else (0, 1)


@with_fields
class Gate(Join):
    """Attention (section 3.1): residual learning (1 + M)·T, equation 3, or naive learning M·T.

    The mask may have one channel, or one pixel along an axis.
    """

    kind: ClassVar[str] = "gate"
    crossed: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    arguments: ClassVar[Mapping[str, Argument]] = {
        "learning": Argument(
            "word",
            "residual",
            "residual: (1 + M) · T; naive: M · T",
            choices=("residual", "naive"),
        )
    }

    learning: Learning = "residual"

    @property
    def simplified(self) -> Operator | None:
        return self if self.learning == "residual" else Mul()

    def autocast(self, device: Autocast, dims: int) -> Cast | None:
        return "widest" if device == "cuda" and self.learning == "residual" else None

    @property
    def formula(self) -> str:
        return "(1 + M)·T" if self.learning == "residual" else "M·T"

    @property
    def keeps_size(self) -> bool:
        return True

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        self.check(inputs)
        trunk, mask = inputs
        result = broadcast(inputs, "an attention gate")
        if result != trunk and not result.empty:
            raise ShapeError(f"a mask of {mask} does not fit a trunk of {trunk}", trunk)
        return result

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0, 1))

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # `addcmul` has a factor, of 1, that the derivative multiplies with; and what is summed to
        # the gradient of a smaller mask.
        smaller = inputs[1] != output
        return output.numel * ((self.learning == "residual") + smaller)

    def roles(self, count: int) -> tuple[str, ...]:
        return ("trunk", "mask")


@with_fields
class Concat(Join):
    """Concatenation of channels, in order, or of positions along an axis."""

    kind: ClassVar[str] = "concat"
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {"cpu": "widest"}
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    arguments: ClassVar[Mapping[str, Argument]] = {
        "axis": Argument(
            "word",
            "channels",
            "along which the inputs follow one another",
            choices=("channels", "depth", "height", "width"),
        )
    }

    axis: Axis = "channels"

    def lends(self, position: int, input: TensorType, output: TensorType) -> bool:
        return True

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        dimension(given["axis"], dims)
        return cls(**given)

    @property
    def isotropic(self) -> bool:
        return self.axis == "channels"

    def out(self, channels: tuple[Number, ...]) -> Number:
        return reduce(add, channels) if self.axis == "channels" else channels[0]

    @property
    def keeps_size(self) -> bool:
        return self.axis == "channels"

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        self.check(inputs)
        first = inputs[0]
        joined = dimension(self.axis, first.dims) - 1
        sides = [first.channels, *first.size]
        sides[joined] = sum((x.channels, *x.size)[joined] for x in inputs)
        result = TensorType(*sides)
        if any(x.empty for x in inputs):
            return result.exhausted
        for other in inputs[1:]:
            pairs = zip((other.channels, *other.size), sides, strict=True)
            if any(a != b for i, (a, b) in enumerate(pairs) if i != joined):
                what = "equal sizes" if joined == 0 else f"equal shapes but for the {self.axis}"
                raise ShapeError(
                    f"a concatenation needs {what}, but gets {first} and {other}", result
                )
        return result

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        if self.axis == "channels" or size == output_size:
            return position, position
        # Of the parts along an axis, all of each: a bound, as one part alone is read.
        return 0, size - 1

    def roles(self, count: int) -> tuple[str, ...]:
        return tuple(f"part{i}" for i in range(1, count + 1))
