"""Operators that move elements: parts of the channels, shuffles, slices, transposition."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar, Literal, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.axes import Spatial, dimension
from archcompiler.ops.base import Number, Operator, Role, ShapeError, divided, with_fields
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.sides import ArgumentError, Sides, spread, words


class Moving(Operator):
    """An operator that computes nothing."""

    role: ClassVar[Role] = "join"

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work()

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position, position


class View(Moving):
    """An operator that only looks at its input's memory in another way."""

    @property
    def view(self) -> bool:
        return True

    def moved(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return 0


@with_fields
class Part(View):
    """One of `of` equal parts of the channels, or `count` of them, which follow one another."""

    kind: ClassVar[str] = "part"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "index": Argument("int", help="counted from 0", least=0),
        "of": Argument("int", 2, "how many equal parts there are", least=1),
        "count": Argument("int", 1, "how many of them it is, from `index` on", least=1),
    }

    index: Number
    of: Number = 2
    count: Number = 1

    @property
    def single(self) -> bool:
        """Whether it is one part, as far as is known where its numbers are symbols."""
        return isinstance(self.count, int) and self.count == 1

    @property
    def counts(self) -> tuple[Number, ...]:
        """How many of the equal parts are before it, in it and behind it, where there are any."""
        counts = (self.index, self.count, self.of - self.index - self.count)
        return tuple(count for count in counts if not isinstance(count, int) or count)

    @property
    def place(self) -> int:
        """Where it stands among these counts."""
        return 0 if isinstance(self.index, int) and self.index == 0 else 1

    @property
    def simplified(self) -> Operator | None:
        return None if self.of == self.count else self

    @property
    def keeps_size(self) -> bool:
        return True

    def out(self, channels: tuple[Number, ...]) -> Number:
        return divided(self.count * channels[0], self.of)

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        result = TensorType(self.count * max(1, x.channels // self.of), *x.size)
        last = self.index + self.count - 1
        if last >= self.of:
            which = f"part {last}" if self.count == 1 else f"parts {self.index} to {last}"
            raise ShapeError(f"{which} of {self.of}: they count from 0", result)
        if x.channels % self.of:
            raise ShapeError(
                f"{x.channels} channels do not divide into {self.of} parts", result, code="E305"
            )
        return result

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # Zeros in place of the other parts.
        return inputs[0].numel - output.numel


@with_fields
class Shuffle(Moving):
    """Channels of `groups` dealt out in turn: the first of each group, the second, and so on."""

    kind: ClassVar[str] = "shuffle"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "groups": Argument("int", least=1, help="parts whose channels are dealt out in turn")
    }

    groups: int

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.channels % self.groups:
            raise ShapeError(
                f"{x.channels} channels do not divide into {self.groups} groups", x, code="E305"
            )
        return x


@with_fields
class Flatten(View):
    """All elements of a map of `size` as the channels of a map of one pixel."""

    kind: ClassVar[str] = "flatten"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "size": Argument("ints", least=1, help="pixels that a map has here")
    }

    size: Sides
    dims: int = 2

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        return cls(**cls.complete(dims, arguments), dims=dims)

    @property
    def simplified(self) -> Operator | None:
        return None if self.size == 1 else self

    def out(self, channels: tuple[Number, ...]) -> Number:
        product = channels[0]
        for side in (self.size,) * self.dims if not isinstance(self.size, tuple) else self.size:
            product = product * side
        return product

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        sides = spread(self.size, self.dims)
        result = x.filled(x.channels * prod(sides), 1)
        if x.empty:
            return result.exhausted
        if x.size != sides:
            raise ShapeError(
                f"flatten expects a map of {words(self.size, self.dims)}, but gets {x.pixel_words}",
                result,
                help="an adaptive pooling before it gives every input one size",
            )
        return result

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return 0, size - 1


class Transpose(View):
    """Rows for columns: (C, H, W) to (C, W, H)."""

    kind: ClassVar[str] = "transpose"

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        if dims != 2:
            raise ArgumentError("op", "`transpose` is for 2-D maps")
        return cls(**cls.complete(dims, arguments))

    @property
    def isotropic(self) -> bool:
        return False

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        return TensorType(x.channels, *reversed(x.size))

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        # A row of the output was a column, which crosses every row.
        return 0, size - 1


@with_fields
class Take(View):
    """The first or last positions along an axis, as many as a second input has there."""

    kind: ClassVar[str] = "take"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    arguments: ClassVar[Mapping[str, Argument]] = {
        "axis": Argument("word", choices=("depth", "height", "width"), help="along which"),
        "end": Argument("word", "first", "which pixel", choices=("first", "last")),
    }

    axis: Spatial
    end: Literal["first", "last"] = "first"

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        dimension(given["axis"], dims)
        return cls(**given)

    @property
    def isotropic(self) -> bool:
        return False

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        self.check(inputs)
        x, like = inputs
        axis = dimension(self.axis, x.dims) - 2
        size = list(x.size)
        size[axis] = like.size[axis]
        result = TensorType(x.channels, *size)
        if like.size[axis] > x.size[axis]:
            raise ShapeError(f"{x} has no {like.size[axis]} pixels of {self.axis} to take", result)
        return result

    def roles(self, count: int) -> tuple[str, ...]:
        return ("data", "size")

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        place = position + (size - output_size if self.end == "last" else 0)
        return place, place
