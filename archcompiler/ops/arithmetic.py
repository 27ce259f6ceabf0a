"""Differences, quotients, roots, and sums with a constant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.activation import KeepsOutput
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Operator, with_fields
from archcompiler.ops.cost import Saved
from archcompiler.ops.join import Broadcasting
from archcompiler.ops.pointwise import Elementwise


class Sub(Broadcasting):
    """The first input less the second, elementwise. Either may have one channel, or one pixel."""

    kind: ClassVar[str] = "sub"
    what: ClassVar[str] = "a difference"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # The gradient with the other sign, until it is summed to that of a smaller input.
        return output.numel if inputs[1] != output else 0

    def lends(self, position: int, input: TensorType, output: TensorType) -> bool:
        return position == 0 and input == output

    def roles(self, count: int) -> tuple[str, ...]:
        return ("minuend", "subtrahend")


class Div(Broadcasting):
    """The first input by the second, elementwise. Either may have one channel, or one pixel."""

    kind: ClassVar[str] = "div"
    what: ClassVar[str] = "a quotient"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved(inputs=(0, 1))

    def kept(
        self, inputs: tuple[TensorType, ...], output: TensorType, graded: tuple[bool, ...]
    ) -> Saved:
        # The gradient of what is divided is divided by the same.
        divided, divisor = graded
        return self.saved(inputs, output) if divisor else Saved(inputs=(1,) if divided else ())

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # A quotient of two, the gradient with the other sign, and what is summed to that of each
        # smaller input.
        return output.numel * (2 + sum(x != output for x in inputs))

    def roles(self, count: int) -> tuple[str, ...]:
        return ("dividend", "divisor")


class Sqrt(KeepsOutput):
    """Square root; its derivative at 0 is infinite."""

    kind: ClassVar[str] = "sqrt"

    def scratch(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        # Twice the root, which the gradient is divided by.
        return output.numel


@with_fields
class Shift(Elementwise):
    """Every element plus a constant."""

    kind: ClassVar[str] = "shift"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "amount": Argument("float", help="what is added to every element")
    }

    amount: float

    @property
    def simplified(self) -> Operator | None:
        return None if self.amount == 0 else self

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def lends(self, position: int, input: TensorType, output: TensorType) -> bool:
        return True
