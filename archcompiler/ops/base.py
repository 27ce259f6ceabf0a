"""What every primitive operator states about itself, in one place."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.cost import MissingRule, Saved, Work


class ShapeError(Exception):
    """An operator cannot take its inputs.

    `recovered` is the type to go on with, so that one run reports every independent mistake;
    a map without pixels (H = W = 0) silences what follows from it.
    """

    def __init__(
        self, message: str, recovered: TensorType, *, code: str = "E304", help: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.recovered = recovered
        self.code = code
        self.help = help


@dataclass(frozen=True, slots=True)
class Operator:
    """A primitive operator. Its fields are its hyper-parameters, and label it in every graph.

    An operator with fields is a frozen dataclass like this one; one without needs no decorator.
    """

    kind: ClassVar[str]

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        """Output type, (C, H, W), for the input types. Raises ShapeError."""
        raise MissingRule(self.kind, "shape")

    def roles(self, count: int) -> tuple[str, ...]:
        """The role of each of `count` inputs, in order."""
        return ("data",) * count

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        """Arithmetic in inference, one image. Raises MissingRule: there is no default."""
        raise MissingRule(self.kind, "work")

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        """What autograd keeps of a forward pass in training. Raises MissingRule."""
        raise MissingRule(self.kind, "saved")

    def window(self, position: int, size: int, output_size: int) -> tuple[int, int]:
        """First and last position, along one axis, that one output position reads of each input.

        `size` and `output_size` are the pixels of input and output on that axis; a window may
        hang over the edge. Raises MissingRule.
        """
        raise MissingRule(self.kind, "window")

    @property
    def step(self) -> int:
        """Input positions from one output position to the next, the stride."""
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
        return tuple((f.name, getattr(self, f.name)) for f in fields(self))


def same_type(inputs: tuple[TensorType, ...], what: str) -> TensorType:
    """The one type that all inputs share. Raises ShapeError."""
    first = inputs[0]
    for other in inputs[1:]:
        if first.empty or other.empty:
            return TensorType(first.channels, 0, 0)
        if other != first:
            raise ShapeError(f"{what} needs equal shapes, but gets {first} and {other}", first)
    return first
