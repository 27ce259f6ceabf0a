"""Convolution in 1, 2 or 3 dimensions, and what its transpose shares with it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import prod
from typing import Any, ClassVar, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Cast, Number, Operator, Role, ShapeError, with_fields
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.sides import Sides, along, same_padding, spread, words


@with_fields
class Convolution(Operator):
    """A convolution, or the transpose of one."""

    cast: ClassVar[Cast | None] = "half"
    role: ClassVar[Role] = "conv"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "channels": Argument("int", least=1, help="channels of the output"),
        "kernel": Argument("ints", least=1, help="pixels of a window"),
        "stride": Argument("ints", 1, "pixels between windows", least=1),
        "padding": Argument(
            "ints", None, "keeps the size at stride 1: `dilation * (kernel - 1) // 2`", least=0
        ),
        "dilation": Argument("ints", 1, "pixels between what a window reads", least=1),
        "groups": Argument("int", 1, "parts of the channels, each by itself", least=1),
        "bias": Argument("bool", False, "add a number to each channel"),
    }

    in_channels: int
    out_channels: int
    kernel: Sides
    stride: Sides = 1
    padding: Sides = 0
    dilation: Sides = 1
    groups: int = 1
    bias: bool = False
    dims: int = 2

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        given = cls.complete(dims, arguments)
        if given["padding"] is None:
            given["padding"] = same_padding(given["kernel"], given["dilation"], dims)
        return cls(inputs[0], given.pop("channels"), **given, dims=dims)

    def out(self, channels: tuple[Number, ...]) -> Number:
        return self.out_channels

    @property
    def keeps_size(self) -> bool:
        return all(
            along(self.stride, axis) == 1 and 2 * along(self.padding, axis) + 1 == self.extent(axis)
            for axis in range(self.dims)
        )

    def extent(self, axis: int) -> int:
        """Pixels from the first to the last of a window."""
        return along(self.dilation, axis) * (along(self.kernel, axis) - 1) + 1

    def fits(self, x: TensorType, result: TensorType) -> None:
        """Raises ShapeError, with this result to go on with, unless the channels are right."""
        if x.channels != self.in_channels:
            raise ShapeError(
                f"convolution expects {self.in_channels} channels, but gets {x.channels}", result
            )
        uneven = next((c for c in (self.in_channels, self.out_channels) if c % self.groups), None)
        if uneven is not None:
            raise ShapeError(
                f"{uneven} channels do not divide into {self.groups} groups", result, code="E305"
            )

    @property
    def ordered(self) -> bool:
        """Whether channels last is another order of its weights than the plain one."""
        return self.dims > 1 and prod(spread(self.kernel, self.dims)) > 1 and self._rows > 1

    @property
    def _rows(self) -> int:
        """The second side of the weights."""
        return self.in_channels // self.groups

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))

    @property
    def label(self) -> str:
        grouped = ", grouped" if self.groups > 1 else ""
        return f"conv {words(self.kernel, self.dims)}{grouped}"

    @property
    def weights(self) -> int:
        """Parameters without the bias."""
        kernel = prod(spread(self.kernel, self.dims))
        return self.out_channels * (self.in_channels // self.groups) * kernel

    @property
    def parameters(self) -> int:
        return self.weights + (self.out_channels if self.bias else 0)

    @property
    def layers(self) -> int:
        return 1


class Conv(Convolution):
    """Convolution with `padding` pixels of zeros on either side of an axis, floor mode."""

    kind: ClassVar[str] = "conv"

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.dims != self.dims:
            raise ShapeError(f"a {self.dims}-D convolution gets {x}", x.exhausted)
        size = tuple(map(self._size, x.size, range(self.dims)))
        result = TensorType(self.out_channels, *size)
        self.fits(x, result)
        if not x.empty and min(size) < 1:
            raise ShapeError(
                f"{words(self.kernel, x.dims)} convolution does not fit into "
                f"{x.pixel_words} pixels",
                result.exhausted,
                code="E306",
            )
        return result

    def _size(self, pixels: int, axis: int) -> int:
        if pixels == 0:
            return 0
        room = pixels + 2 * along(self.padding, axis) - self.extent(axis)
        return room // along(self.stride, axis) + 1

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        macs = self.weights * output.pixels
        return Work(macs=macs, fvcore_flops=macs, activations=output.numel)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        first = position * along(self.stride, axis) - along(self.padding, axis)
        return first, first + self.extent(axis) - 1

    def step(self, size: int, output_size: int, axis: int) -> int | Fraction:
        return along(self.stride, axis)
