"""Normalisations over batches, groups of channels, maps of a channel, channels of a position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Autocast, Cast, Number, Operator, Role, ShapeError, with_fields
from archcompiler.ops.cost import BYTES, Saved, Work

EPS = "added to the variance"


@with_fields
class BatchNorm(Operator):
    """Batch normalisation with scale and shift."""

    kind: ClassVar[str] = "batch_norm"
    role: ClassVar[Role] = "norm"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "eps": Argument("float", 1e-5, EPS, least=0),
        "momentum": Argument("float", 0.1, "weight of a batch in the averages", least=0, most=1),
    }

    channels: int
    eps: float = 1e-5
    momentum: float = 0.1

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        return cls(inputs[0], **cls.complete(dims, arguments))

    @property
    def keeps_size(self) -> bool:
        return True

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.channels != self.channels:
            raise ShapeError(
                f"batch norm expects {self.channels} channels, but gets {x.channels}", x
            )
        return x

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(fvcore_flops=2 * output.numel, elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # Mean and inverse deviation of the batch; the running statistics are buffers.
        return Saved(inputs=(0,), batch_bytes=2 * BYTES * self.channels)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position, position

    @property
    def inference(self) -> Operator:
        from archcompiler.ops.channelwise import Affine

        return Affine(self.channels)

    @property
    def parameters(self) -> int:
        return 2 * self.channels

    @property
    def buffers(self) -> int:
        return 2 * self.channels + 1  # running mean and variance, number of batches


@with_fields
class GroupNorm(Operator):
    """Groups of an image's channels to zero mean and unit variance, with scale and shift."""

    kind: ClassVar[str] = "group_norm"
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {"cuda": "single"}
    role: ClassVar[Role] = "norm"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "groups": Argument("int", 32, "parts of the channels, each by itself", least=1),
        "eps": Argument("float", 1e-5, EPS, least=0),
    }

    channels: int
    groups: int = 32
    eps: float = 1e-5

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        return cls(inputs[0], **cls.complete(dims, arguments))

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.channels != self.channels:
            raise ShapeError(
                f"group norm expects {self.channels} channels, but gets {x.channels}", x
            )
        if self.channels % self.groups:
            raise ShapeError(
                f"{self.channels} channels do not divide into {self.groups} groups", x, code="E305"
            )
        if x.pixels * x.channels == self.groups:
            raise ShapeError(
                "a group norm needs more than one element to normalise over",
                x.exhausted,
                code="E306",
            )
        return x

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(fvcore_flops=5 * output.numel, elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # Mean and inverse deviation of each group of each image.
        return Saved(inputs=(0,), image_bytes=2 * BYTES * self.groups)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return 0, size - 1

    @property
    def parameters(self) -> int:
        return 2 * self.channels


@with_fields
class LayerNorm(Operator):
    """Each position's channels to zero mean and unit variance, with scale and shift (ConvNeXt)."""

    kind: ClassVar[str] = "layer_norm"
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {"cuda": "single"}
    role: ClassVar[Role] = "norm"
    arguments: ClassVar[Mapping[str, Argument]] = {"eps": Argument("float", 1e-6, EPS, least=0)}

    channels: int
    eps: float = 1e-6

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        return cls(inputs[0], **cls.complete(dims, arguments))

    @property
    def keeps_size(self) -> bool:
        return True

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.channels != self.channels:
            raise ShapeError(
                f"layer norm expects {self.channels} channels, but gets {x.channels}", x
            )
        return x

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(fvcore_flops=5 * output.numel, elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # Mean and inverse deviation at each position.
        return Saved(inputs=(0,), image_bytes=2 * BYTES * output.pixels)

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position, position

    @property
    def parameters(self) -> int:
        return 2 * self.channels


@with_fields
class SpatialNorm(Operator):
    """Each channel's map to zero mean and unit variance (spatial attention, section 3.2)."""

    kind: ClassVar[str] = "spatial_norm"
    role: ClassVar[Role] = "norm"
    arguments: ClassVar[Mapping[str, Argument]] = {"eps": Argument("float", 1e-5, EPS, least=0)}

    eps: float = 1e-5

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.pixels == 1:
            raise ShapeError(
                "a spatial mask needs more than one pixel to normalise over",
                x.exhausted,
                code="E306",
            )
        return x

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        # fvcore counts an instance norm without scale and shift as 4 an element.
        return Work(fvcore_flops=4 * output.numel, elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # Mean and inverse deviation of each map of each image. Maps have their channels last, and
        # torch makes a copy of them that has not.
        (x,) = inputs
        ordered = x.dims == 1 or x.channels == 1
        return Saved(
            inputs=(0,) if ordered else (),
            copies=() if ordered else (0,),
            image_bytes=2 * BYTES * output.channels,
        )

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return 0, size - 1


@with_fields
class ChannelNorm(Operator):
    """Each position's channel vector divided by its L2 norm (channel attention, section 3.2)."""

    kind: ClassVar[str] = "channel_norm"
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {"cuda": "wide"}
    role: ClassVar[Role] = "norm"
    arguments: ClassVar[Mapping[str, Argument]] = {"eps": Argument("float", 1e-12, EPS, least=0)}

    eps: float = 1e-12

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        return self.only(inputs)

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work(elements=output.numel)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # The norm at each position, before and after it is kept away from zero.
        return Saved(inputs=(0,), image_bytes=2 * BYTES * output.pixels)

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # Of the quotient by the norm: two quotients, and one with the other sign.
        return 3 * output.numel

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position, position
