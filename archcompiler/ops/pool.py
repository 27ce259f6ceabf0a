"""Pooling over windows."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Autocast, Cast, Number, Operator, Role, ShapeError, with_fields
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.sides import Sides, along, spread, words

INDEX_BYTES = 8
"""Bytes of an int64, torch's type for the place of a maximum."""

WINDOW: Mapping[str, Argument] = {
    "kernel": Argument("ints", least=1, help="pixels of a window"),
    "stride": Argument("ints", None, "the kernel", least=1),
    "padding": Argument("ints", 0, "at most half of the kernel", least=0),
    "ceil": Argument("bool", False, "keep a last window that hangs over the edge"),
}
"""Arguments of every pooling over windows."""


class Pool(Operator):
    """Pooling over windows or all positions, by an operator that torch has for it."""

    role: ClassVar[Role] = "pool"

    def autocast(self, device: Autocast, dims: int) -> Cast | None:
        # The autocast of a CPU computes these in float32.
        return "single" if device == "cpu" and dims == 3 else None


@with_fields
class WindowPool(Pool):
    """Pooling over windows with torch's size rule.

    In ceil mode a last window may hang over the edge, if it starts inside the map or its padding.
    """

    kernel: Sides
    stride: Sides
    padding: Sides = 0
    ceil: bool = False

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        if given["stride"] is None:
            given["stride"] = given["kernel"]
        return cls(**given)

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.empty:
            return x
        paddings = spread(self.padding, x.dims)
        # To torch half of the kernel is that of its numbers, however far apart they are.
        if any(2 * p > along(self.kernel, axis) for axis, p in enumerate(paddings)):
            raise ShapeError(
                f"padding of {words(self.padding, x.dims)} is more than half of a "
                f"{words(self.kernel, x.dims)} window",
                x,
            )
        size = tuple(map(self._size, x.size, range(x.dims)))
        if min(size) < 1 or not self._fits(x):
            raise ShapeError(
                f"{words(self.kernel, x.dims)} {self.label} with stride {words(self.stride)} "
                f"runs out of pixels at {x.pixel_words}",
                x.exhausted,
                code="E306",
                help="a larger input, or less stride before it",
            )
        return TensorType(x.channels, *size)

    def _fits(self, x: TensorType) -> bool:
        """Whether torch takes a map that has pixels for a window."""
        return True

    def _size(self, pixels: int, axis: int) -> int:
        stride, padding = along(self.stride, axis), along(self.padding, axis)
        room = pixels + 2 * padding - self.extent(axis)
        size = (room + (stride - 1 if self.ceil else 0)) // stride + 1
        if self.ceil and (size - 1) * stride >= pixels + padding:
            size -= 1
        return size

    def extent(self, axis: int) -> int:
        """Pixels from the first to the last of a window."""
        return along(self.kernel, axis)

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=inputs[0].numel)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        first = position * along(self.stride, axis) - along(self.padding, axis)
        return first, first + self.extent(axis) - 1

    def step(self, size: int, output_size: int, axis: int) -> int | Fraction:
        return along(self.stride, axis)


@with_fields
class MaxPool(WindowPool):
    """The largest element of each window."""

    kind: ClassVar[str] = "max_pool"
    arguments: ClassVar[Mapping[str, Argument]] = {
        **WINDOW,
        "dilation": Argument("ints", 1, "pixels between what a window reads", least=1),
    }

    dilation: Sides = 1

    def extent(self, axis: int) -> int:
        return along(self.dilation, axis) * (along(self.kernel, axis) - 1) + 1

    @property
    def recalled(self) -> bool:
        return True

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,), image_bytes=INDEX_BYTES * output.numel)


@with_fields
class AvgPool(WindowPool):
    """The mean of each window.

    Of a window that hangs over the edge, padding counts as zeros if `count_include_pad`; what a
    last window of ceil mode reaches beyond the padding never counts.
    """

    kind: ClassVar[str] = "avg_pool"
    arguments: ClassVar[Mapping[str, Argument]] = {
        **WINDOW,
        "count_include_pad": Argument("bool", True, "average over the padding too"),
    }

    count_include_pad: bool = True

    def _fits(self, x: TensorType) -> bool:
        # In 3-D torch wants a window to fit into the map without its padding.
        return x.dims != 3 or all(side >= along(self.kernel, i) for i, side in enumerate(x.size))

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))
