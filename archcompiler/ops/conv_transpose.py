"""Transposed convolution in 1, 2 or 3 dimensions, which makes a map larger."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Number, ShapeError, with_fields
from archcompiler.ops.conv import Convolution
from archcompiler.ops.cost import Work
from archcompiler.ops.sides import ArgumentError, Sides, along, words


@with_fields
class ConvTranspose(Convolution):
    """Transposed convolution, to the size of a second input, its target, where it has one."""

    kind: ClassVar[str] = "conv_transpose"
    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    arguments: ClassVar[Mapping[str, Argument]] = {
        **Convolution.arguments,
        "stride": Argument("ints", 1, "pixels of the output for one", least=1),
        "output_padding": Argument("ints", 0, "pixels at the end, without a target", least=0),
    }

    output_padding: Sides = 0

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        if len(inputs) == 2 and arguments.get("output_padding", 0) != 0:
            raise ArgumentError("output_padding", "is what a second input decides")
        return super().make(inputs, dims, **arguments)

    @property
    def keeps_size(self) -> bool:
        return super().keeps_size and self.output_padding == 0

    @property
    def _rows(self) -> int:
        return self.out_channels // self.groups

    def roles(self, count: int) -> tuple[str, ...]:
        return ("data", "size")[:count]

    def least(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The size that a map of this size gets without padding at its end."""
        return tuple(
            pixels
            and (pixels - 1) * along(self.stride, axis)
            - 2 * along(self.padding, axis)
            + self.extent(axis)
            for axis, pixels in enumerate(size)
        )

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        self.check(inputs)
        x = inputs[0]
        if x.dims != self.dims:
            raise ShapeError(f"a {self.dims}-D transposed convolution gets {x}", x.exhausted)
        least = self.least(x.size)
        size = inputs[1].size if len(inputs) == 2 else tuple(map(self._padded, least, range(9)))
        result = TensorType(self.out_channels, *(max(0, side) for side in size))
        self.fits(x, result)
        if x.empty or any(other.empty for other in inputs):
            return result.exhausted
        if min(size) < 1:
            raise ShapeError(
                f"{words(self.kernel, x.dims)} transposed convolution with a padding of "
                f"{words(self.padding)} leaves nothing of {x.pixel_words} pixels",
                result.exhausted,
                code="E306",
            )
        if len(inputs) == 2:
            self._reach(x, least, inputs[1])
        for axis in range(self.dims):
            room = max(along(self.stride, axis), along(self.dilation, axis))
            if along(self.output_padding, axis) >= room:
                raise ShapeError(
                    f"an output padding of {words(self.output_padding)} is not less than "
                    "the stride or the dilation",
                    result,
                )
        return result

    def _padded(self, pixels: int, axis: int) -> int:
        return pixels and pixels + along(self.output_padding, axis)

    def _reach(self, x: TensorType, least: tuple[int, ...], target: TensorType) -> None:
        """Raises ShapeError for a target that is too small or too large."""
        most = tuple(s + along(self.stride, axis) - 1 for axis, s in enumerate(least))
        low = any(side < end for side, end in zip(target.size, least, strict=True))
        if low or any(side > end for side, end in zip(target.size, most, strict=True)):
            ends = " to ".join(dict.fromkeys(("×".join(map(str, least)), "×".join(map(str, most)))))
            raise ShapeError(
                f"transposed convolution makes {ends} pixels of {x.pixel_words}, not the "
                f"{target.pixel_words} of its target",
                TensorType(self.out_channels, *target.size),
                help=f"{'more' if low else 'less'} `padding`, or another `kernel`",
            )

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        macs = self.weights * inputs[0].pixels
        return Work(macs=macs, fvcore_flops=macs, activations=output.numel)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        # Windows of the input that the position is in; a position between all is in none.
        place, stride = position + along(self.padding, axis), along(self.stride, axis)
        last = place // stride
        return min(last, -((self.extent(axis) - 1 - place) // stride)), last

    def step(self, size: int, output_size: int, axis: int) -> int | Fraction:
        return Fraction(1, along(self.stride, axis))

    @property
    def label(self) -> str:
        return f"transposed {super().label}"
