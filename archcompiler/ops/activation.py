"""Activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Autocast, Cast, Number, Operator, ShapeError, with_fields
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.pointwise import Elementwise, Pointwise

Approximation = Literal["none", "tanh"]


class KeepsOutput(Elementwise):
    """An activation whose derivative is computed from its output."""

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(output=True)


class KeepsInput(Elementwise):
    """An activation whose derivative is computed from its input."""

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0,))


class Relu(KeepsOutput):
    """max(x, 0)."""

    kind: ClassVar[str] = "relu"


class Sigmoid(KeepsOutput):
    """1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"


class Tanh(KeepsOutput):
    """Hyperbolic tangent."""

    kind: ClassVar[str] = "tanh"


class Relu6(KeepsInput):
    """min(max(x, 0), 6) (Sandler et al., MobileNetV2)."""

    kind: ClassVar[str] = "relu6"


class Silu(KeepsInput):
    """x · sigmoid(x), also called swish."""

    kind: ClassVar[str] = "silu"


class Elu(KeepsInput):
    """x above 0, exp(x) - 1 below."""

    kind: ClassVar[str] = "elu"


class HardSwish(KeepsInput):
    """x · min(max(x + 3, 0), 6) / 6 (Howard et al., MobileNetV3)."""

    kind: ClassVar[str] = "hardswish"


class HardSigmoid(KeepsInput):
    """min(max(x + 3, 0), 6) / 6."""

    kind: ClassVar[str] = "hardsigmoid"


class Softplus(KeepsInput):
    """log(1 + exp(x))."""

    kind: ClassVar[str] = "softplus"
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {"cuda": "single"}


class Mish(KeepsInput):
    """x · tanh(softplus(x))."""

    kind: ClassVar[str] = "mish"


@with_fields
class Gelu(KeepsInput):
    """x · Φ(x), exactly or by its approximation with tanh."""

    kind: ClassVar[str] = "gelu"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "approximate": Argument(
            "word", "none", choices=("none", "tanh"), help="tanh: by an approximation"
        )
    }

    approximate: Approximation = "none"


@with_fields
class LeakyRelu(KeepsInput):
    """x above 0, slope · x below."""

    kind: ClassVar[str] = "leaky_relu"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "slope": Argument("float", 0.01, "of what is negative", least=0)
    }

    slope: float = 0.01


@with_fields
class Prelu(KeepsInput):
    """x above 0, slope · x below, with a slope learnt for each channel."""

    kind: ClassVar[str] = "prelu"
    cast: ClassVar[Cast | None] = "half"

    channels: int

    @classmethod
    def make(cls, inputs: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        return cls(inputs[0], **cls.complete(dims, arguments))

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.channels != self.channels:
            raise ShapeError(f"PReLU expects {self.channels} channels, but gets {x.channels}", x)
        return x

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # What is summed to the gradient of the slopes.
        return output.numel

    @property
    def parameters(self) -> int:
        return self.channels


class Identity(Pointwise):
    """x itself: no activation, where a block asks for one."""

    kind: ClassVar[str] = "identity"

    @property
    def simplified(self) -> Operator | None:
        return None

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work()

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def moved(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return 0
