"""What every primitive operator states about itself, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar, Literal, Self, TypeAlias, TypeVar, dataclass_transform

from archcompiler.ir import TensorType
from archcompiler.ops.argument import REQUIRED, Argument
from archcompiler.ops.cost import MissingRule, Saved, Work
from archcompiler.ops.sides import ArgumentError, merged

Number: TypeAlias = Any
"""An int, or a symbol that stands for an expression in printed code.

A symbol has `+ - * / //` with ints and symbols, and `str()` gives its Python source; it is never
compared and has no truth value.
"""

Cast = Literal["half", "single", "widest", "wide"]
"""What autocast makes of an operator: its inputs are cast to 16 bits, to float32, or to the widest
among them; or they are read as they are, and the output is float32."""
Autocast = Literal["cpu", "cuda"]
"""Whose autocast it is. Other devices than a CPU do as CUDA does."""
Role = Literal["conv", "linear", "pool", "resample", "join", "norm", "other"]
"""The class of operators that a figure draws alike."""


def divided(number: Number, by: Number) -> Number:
    """A division of which shapes say that it comes out whole: `2 * c` by 8 is a quarter of c."""
    return number // by if isinstance(number, int) else number / by


class ShapeError(Exception):
    """An operator cannot take its inputs.

    `recovered` is the type to go on with, so that one run reports every independent mistake;
    a map without pixels silences what follows from it.
    """

    def __init__(
        self, message: str, recovered: TensorType, *, code: str = "E304", help: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.recovered = recovered
        self.code = code
        self.help = help


T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def with_fields(cls: type[T]) -> type[T]:
    """Make an operator a frozen dataclass that is compared and shown by methods of `Operator`.

    To make them for each of dozens of classes is a part of a start that is noticed.
    """
    return dataclass(frozen=True, eq=False, repr=False)(cls)


@with_fields
class Operator:
    """A primitive operator. Its fields are its hyper-parameters, and label it in every graph.

    An operator is made `with_fields`, or is any frozen dataclass; one without fields needs neither.
    Fields hold symbols where the operator is made only to be printed; rules see numbers alone.
    """

    kind: ClassVar[str]
    arguments: ClassVar[Mapping[str, Argument]] = {}
    """What a step of a block may say, by name."""
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """The fewest inputs and the most; None for any number."""
    role: ClassVar[Role] = "other"
    chained: ClassVar[bool] = False
    """Whether three and more inputs are the same as taking two at a time, in order."""
    crossed: ClassVar[bool] = False
    """Whether each input is kept for the gradient of the others, as factors are."""
    cast: ClassVar[Cast | None] = None
    """Where it is None the output has the type of the inputs, or float32 where they differ."""
    cast_on: ClassVar[Mapping[Autocast, Cast]] = {}
    """The same for devices that differ from the others."""
    whole: ClassVar[frozenset[str]] = frozenset()
    """Roles of the inputs that every position of the output reads all of."""
    backends: ClassVar[Mapping[str, object]] = {}
    """How an operator of another package is printed, by the name of the back end."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.attributes() == other.attributes()

    def __hash__(self) -> int:
        return hash((type(self), self.attributes()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.attributes())
        return f"{type(self).__qualname__}({shown})"

    @classmethod
    def make(cls, channels: tuple[Number, ...], dims: int, /, **arguments: Any) -> Self:
        """The operator for inputs of these channels, in `dims` dimensions.

        Channels and arguments may be symbols. Raises ArgumentError.
        """
        return cls(**cls.complete(dims, arguments))

    @classmethod
    def complete(cls, dims: int, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every argument of a step, defaults included; one number where all axes agree.

        Raises ArgumentError for one that is missing, unknown, or not for as many axes.
        """
        for name in given:
            if name not in cls.arguments:
                raise ArgumentError(name, f"is no argument of `{cls.kind}`")
        complete = {}
        for name, argument in cls.arguments.items():
            value = given.get(name, argument.default)
            if value is REQUIRED:
                raise ArgumentError(name, "is missing")
            complete[name] = merged(name, value, dims) if argument.type == "ints" else value
        return complete

    def out(self, channels: tuple[Number, ...]) -> Number:
        """Channels of the output for inputs of these channels, which may be symbols."""
        return channels[0]

    def autocast(self, device: Autocast, dims: int) -> Cast | None:
        """What the autocast of a device makes of it on maps of so many dimensions."""
        return self.cast_on.get(device, self.cast)

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        """Output type, (C, *size), for the input types. Raises ShapeError."""
        raise MissingRule(self.kind, "shape")

    @property
    def keeps_size(self) -> bool:
        """Whether inputs of one size, whatever it is, give an output of that size.

        Nothing is lost by False, but that more is computed for the sizes that a network takes.
        """
        return False

    @property
    def simplified(self) -> Operator | None:
        """The operator that does the same under another name; None where it does nothing."""
        return self

    @property
    def inference(self) -> Operator | None:
        """The operator that does in inference what this one does then; None if that is nothing."""
        return self

    @property
    def view(self) -> bool:
        """Whether the output is memory of the first input."""
        return self.simplified is None

    @property
    def random(self) -> bool:
        """Whether it gives something else each time: its output cannot be made again."""
        return False

    @property
    def compares(self) -> bool:
        """Whether its derivative looks for its output among its input: one that is made again is
        not the other to the bit.
        """
        return False

    @property
    def recalled(self) -> bool:
        """Whether what autograd keeps of it beyond maps comes again when it is computed again."""
        return False

    def recall(self, inputs: tuple[TensorType, ...], output: TensorType) -> int | None:
        """Elements that come again for that, before the output; None where both come at once."""
        return None

    @property
    def isotropic(self) -> bool:
        """Whether it treats all axes of a map alike."""
        return not any(isinstance(getattr(self, f.name), tuple) for f in fields(self))

    def order(self, inputs: tuple[TensorType, ...]) -> tuple[int, ...]:
        """The order, by position, that inputs have in a proof, where another is the same."""
        return tuple(range(len(inputs)))

    def roles(self, count: int) -> tuple[str, ...]:
        """The role of each of `count` inputs, in order."""
        return ("data",) * count

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        """Arithmetic in inference, one image. Raises MissingRule: there is no default."""
        raise MissingRule(self.kind, "work")

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        """What autograd keeps of a forward pass in training. Raises MissingRule."""
        raise MissingRule(self.kind, "saved")

    def kept(
        self, inputs: tuple[TensorType, ...], output: TensorType, graded: tuple[bool, ...]
    ) -> Saved:
        """The same where some inputs have no gradient, as an image has none."""
        if not self.parameters and not any(graded):
            return Saved()
        saved = self.saved(inputs, output)
        if not self.crossed or all(graded):
            return saved
        needed = (i for i in saved.inputs if any(graded[:i] + graded[i + 1 :]))
        return saved._replace(inputs=tuple(needed))

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        """Elements of maps that its derivative makes on the way and drops, one image.

        Beside the gradients that it takes and gives. Some for what torch has no kernel of; a peak
        of memory is higher by them. Less than none where not all that it gives is there at once.
        """
        return 0

    def scratch_bytes(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        """The same in bytes, of what has a type of its own: comparisons, and how many hold."""
        return 0

    def lends(self, position: int, input: TensorType, output: TensorType) -> bool:
        """Whether the gradient of an input of this type is memory of that of the output."""
        return self.view and input.numel == output.numel

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        """First and last position, along one axis, that one output position reads of each input.

        `size` and `output_size` are the pixels of input and output on that axis; a window may
        hang over the edge. Inputs whose role is in `whole` are read from end to end instead.
        Raises MissingRule.
        """
        raise MissingRule(self.kind, "window")

    def step(self, size: int, output_size: int, axis: int) -> int | Fraction:
        """Input positions from one output position to the next along an axis, the stride."""
        return 1

    def moved(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        """Elements of maps that inference reads and writes. An input may give its size alone."""
        roles = self.roles(len(inputs))
        read = sum(x.numel for x, role in zip(inputs, roles, strict=True) if role != "size")
        return read + output.numel

    @property
    def label(self) -> str:
        """How tables call it."""
        return self.kind.replace("_", " ")

    @property
    def formula(self) -> str:
        """What it computes, where a reader of emitted code or of a figure is helped by it."""
        return ""

    @property
    def parameters(self) -> int:
        """Learnable parameters."""
        return 0

    @property
    def buffers(self) -> int:
        """Elements of state that is not learnt."""
        return 0

    @property
    def layers(self) -> int:
        """1 for an operator that counts towards a network's depth (convolution, linear)."""
        return 0

    def attributes(self) -> tuple[tuple[str, object], ...]:
        return tuple((name, getattr(self, name)) for name in _names(type(self)))  # type: ignore[arg-type]

    def only(self, inputs: tuple[TensorType, ...]) -> TensorType:
        """The one input. Raises ShapeError for another number of inputs."""
        if len(inputs) != 1:
            self.check(inputs)
        return inputs[0]

    def check(self, inputs: tuple[TensorType, ...]) -> None:
        """Raises ShapeError unless there are as many inputs as `arity` says."""
        least, most = self.arity
        given = len(inputs)
        if given >= least and (most is None or given <= most):
            return
        wanted = f"{least}" if least == most else f"{least} and more"
        if most is not None and most != least:
            wanted = f"{least} to {most}"
        raise ShapeError(
            f"{self.label} takes {wanted} {'input' if wanted == '1' else 'inputs'}, "
            f"but gets {given}",
            inputs[0].exhausted if inputs else TensorType(1, 0),
        )


def broadcast(inputs: tuple[TensorType, ...], what: str) -> TensorType:
    """The type of an elementwise operator; channels or an axis of 1 fit any. Raises ShapeError."""
    result = inputs[0]
    for other in inputs[1:]:
        if result.empty or other.empty:
            return result.exhausted
        if other != result:
            result = _wider(result, other, what)
    return result


def _wider(a: TensorType, b: TensorType, what: str) -> TensorType:
    sides = zip((a.channels, *a.size), (b.channels, *b.size), strict=False)
    if a.dims != b.dims or any(x != y and 1 not in (x, y) for x, y in sides):
        raise ShapeError(f"{what} needs equal shapes, but gets {a} and {b}", a)
    size = (x if y == 1 else y for x, y in zip(a.size, b.size, strict=True))
    return TensorType(a.channels if b.channels == 1 else b.channels, *size)


def widest(channels: tuple[Number, ...]) -> Number:
    """Channels of an elementwise operator: those of the first input that has not 1."""
    return next((c for c in channels if not (isinstance(c, int) and c == 1)), channels[0])


@cache
def _names(cls: type[Operator]) -> tuple[str, ...]:
    """Those of an operator's fields, which do not change."""
    return tuple(field.name for field in fields(cls))
