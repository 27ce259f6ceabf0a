"""An operator of ONNX as its words see it: what it reads, its options and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from torch import Tensor, fx

from archcompiler.backends.reading import UnknownOperation

Call: TypeAlias = tuple[Callable[..., Any] | str | None, tuple[Any, ...], dict[str, Any]]
"""A function or the name of a method, its arguments, and those with names; None of an operator
that gives its input, which is the argument, as it is.
"""


class Graph(Protocol):
    """What a word asks of the graph around it."""

    constants: dict[str, Tensor]
    traced: fx.Graph
    views: dict[str, str]
    opset: int

    @property
    def makers(self) -> Mapping[str, Any]: ...

    def node(self, name: str) -> fx.Node: ...
    def row(self, name: str, rank: int) -> fx.Node: ...
    def shape(self, name: str) -> tuple[int | None, ...]: ...
    def initial(self, name: str) -> bool: ...


class OnnxNode(NamedTuple):
    """One operator."""

    graph: Graph
    inputs: Sequence[str]
    """By name; empty for one that is left out."""
    outputs: Sequence[str]
    options: Mapping[str, Any]

    def has(self, place: int) -> bool:
        """Whether there is an input at this place."""
        return len(self.inputs) > place and bool(self.inputs[place])

    def name(self, place: int) -> str:
        """The name of an input."""
        if not self.has(place):
            raise UnknownOperation(f"what gives `{self.outputs[0]}` lacks input {place + 1}")
        return self.inputs[place]

    def node(self, place: int = 0) -> fx.Node:
        """The map or tensor of the file that an input is."""
        return self.graph.node(self.name(place))

    def nodes(self) -> list[fx.Node]:
        return [self.graph.node(name) for name in self.inputs]

    def inputs_of(self, name: str, kind: str, **options: object) -> list[str] | None:
        """What the operator reads that gives a tensor; None if that is of another kind."""
        from onnx.helper import get_attribute_value

        maker = self.graph.makers.get(name)
        if maker is None or maker.op_type != kind:
            return None
        said = {each.name: get_attribute_value(each) for each in maker.attribute}
        return [*maker.input] if options.items() <= said.items() else None

    def operand(self, place: int) -> fx.Node | float:
        """A map or a tensor, or the number that a constant without axes is."""
        found = self.graph.constants.get(self.name(place))
        return self.node(place) if found is None or found.dim() else shortest(float(found))

    def constant(self, place: int) -> Tensor:
        name = self.name(place)
        if name not in self.graph.constants:
            raise UnknownOperation(f"`{name}` is calculated, and should be a constant")
        return self.graph.constants[name]

    def number(self, place: int) -> float:
        """The one number that an input says."""
        return shortest(float(self.constant(place)))

    def numbers(self, place: int) -> list[int]:
        """Whole numbers that an input says."""
        return [int(number) for number in self.constant(place).flatten()]

    def option(self, name: str, default: Any) -> Any:
        found = self.options.get(name, default)
        return shortest(found) if isinstance(found, float) else found

    def word(self, name: str, default: str) -> str:
        """An option that is a word."""
        return str(self.options.get(name, default.encode()).decode())

    def row(self, place: int) -> fx.Node:
        """A constant of one number for each channel, as a row."""
        return self.graph.row(self.name(place), len(self.graph.shape(self.name(0))))

    def shape(self) -> tuple[int | None, ...]:
        """Of the first output, with None for sides that the file does not say."""
        return self.graph.shape(self.outputs[0])

    def sides(self, first: int = 2) -> tuple[int, ...]:
        """Of the first output, from an axis on, which the file must say."""
        sides = self.shape()[first:]
        found = [side for side in sides if side is not None]
        if len(found) != len(sides):
            raise UnknownOperation(f"the file does not say the size of `{self.outputs[0]}`")
        return tuple(found)


def shortest(number: float) -> float:
    """What was written for a number that ONNX keeps as float32: 0.17 comes back as 0.1700000018."""
    return float(str(np.float32(number)))
