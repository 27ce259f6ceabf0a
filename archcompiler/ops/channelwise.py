"""Operators along the channels, or with a number for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any, ClassVar, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Autocast, Cast, Number, Operator, Role, ShapeError, with_fields
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.pointwise import Elementwise
from archcompiler.ops.sides import ArgumentError


def eca_kernel(channels: int) -> int:
    """The kernel of efficient channel attention (Wang et al., CVPR 2020, section 3.2).

    The odd number next to (log2 C + 1) / 2, upwards from an even one, and 3 at least.
    """
    nearest = int((log2(channels) + 1) / 2)
    return max(3, nearest + 1 - nearest % 2)


@dataclass(frozen=True, slots=True)
class KernelOf:
    """Stands for the kernel that follows from channels which are a symbol."""

    channels: Any


@with_fields
class ChannelConv(Operator):
    """A convolution along the channels of a map of one pixel, with zeros beyond the ends."""

    kind: ClassVar[str] = "channel_conv"
    cast: ClassVar[Cast | None] = "half"
    role: ClassVar[Role] = "conv"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "kernel": Argument("int", None, "from the channels, by the rule of ECA", least=1)
    }

    kernel: int

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        kernel = cls.complete(dims, arguments)["kernel"]
        if kernel is None:
            whole = isinstance(inputs[0], int)
            kernel = eca_kernel(inputs[0]) if whole else KernelOf(inputs[0])
        if isinstance(kernel, int) and kernel % 2 == 0:
            raise ArgumentError("kernel", f"is odd, not {kernel}")
        return cls(kernel)

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if not x.empty and x.pixels != 1:
            raise ShapeError(f"a convolution along channels needs one pixel, but gets {x}", x)
        return x

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        macs = self.kernel * output.channels
        return Work(macs=macs, fvcore_flops=macs, activations=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position, position

    @property
    def label(self) -> str:
        return f"conv {self.kernel} along channels"

    @property
    def parameters(self) -> int:
        return self.kernel


@with_fields
class LayerScale(Elementwise):
    """Each channel times a number that is learnt, and starts at `init` (Touvron et al., CaiT)."""

    kind: ClassVar[str] = "layer_scale"
    cast: ClassVar[Cast | None] = "wide"  # as weights are, which are not cast
    arguments: ClassVar[Mapping[str, Argument]] = {
        "init": Argument("float", 1e-6, "of every factor, before training")
    }

    channels: int
    init: float = 1e-6

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        return cls(inputs[0], **cls.complete(dims, arguments))

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.channels != self.channels:
            raise ShapeError(
                f"layer scale expects {self.channels} channels, but gets {x.channels}", x
            )
        return x

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # What is summed to the gradient of the factors.
        return output.numel

    @property
    def parameters(self) -> int:
        return self.channels


@with_fields
class Gain(Elementwise):
    """Every element times one number that is learnt, and starts at `init` (ReZero, SkipInit)."""

    kind: ClassVar[str] = "gain"
    cast: ClassVar[Cast | None] = "wide"  # as weights are, which are not cast
    arguments: ClassVar[Mapping[str, Argument]] = {
        "init": Argument("float", 0.0, "of the factor, before training")
    }

    init: float = 0.0

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # What is summed to the gradient of the factor.
        return output.numel

    @property
    def parameters(self) -> int:
        return 1


@with_fields
class Affine(Elementwise):
    """A scale and a shift for each channel, which are learnt: a batch norm in inference."""

    kind: ClassVar[str] = "affine"
    cast: ClassVar[Cast | None] = "wide"  # as weights are, which are not cast
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {"cuda": "single"}
    arguments: ClassVar[Mapping[str, Argument]] = {
        "init": Argument("float", 1.0, "of every scale, before training; shifts start at 0")
    }

    channels: int
    init: float = 1.0

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        return cls(inputs[0], **cls.complete(dims, arguments))

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.channels != self.channels:
            raise ShapeError(f"affine expects {self.channels} channels, but gets {x.channels}", x)
        return x

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # What is summed to the gradient of the scales: a product with the map times a factor of 1,
        # which `addcmul` has.
        return 2 * output.numel

    @property
    def parameters(self) -> int:
        return 2 * self.channels


@with_fields
class Scale(Elementwise):
    """Every element times a constant."""

    kind: ClassVar[str] = "scale"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "factor": Argument("float", help="what every element is multiplied by")
    }

    factor: float

    @property
    def simplified(self) -> Operator | None:
        return None if self.factor == 1 else self

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()
