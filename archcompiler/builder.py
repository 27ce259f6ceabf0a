"""Writes one block of the graph, step by step, with shapes inferred as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archcompiler.config.path import SpecPath
from archcompiler.ir import INPUT, Block, Problem, Step, TensorType
from archcompiler.ops import Operator, ShapeError


class Value(NamedTuple):
    """A feature map inside a block: the step that writes it, and its shape."""

    name: str
    type: TensorType


class BlockBuilder:
    """Collects the steps of one block; `build` freezes them.

    A shape error does not stop the building: the step gets the type that the operator recovers
    with, and the `shapes` pass reports the error with its place in the spec.
    """

    def __init__(
        self,
        kind: str,
        input: TensorType,
        *,
        name: str = "",
        options: Mapping[str, object] | None = None,
        use: object = None,
        origin: SpecPath = (),
    ) -> None:
        self.kind = kind
        self.x = Value(INPUT, input)
        self.name = name
        self.options = options or {}
        self.use = use
        self.origin = origin
        self._steps: list[Step] = []
        self._names = {INPUT}
        self._problems: list[Problem] = []

    def add(
        self, name: str, body: Operator | Block, *inputs: Value, origin: SpecPath | None = None
    ) -> Value:
        """Append `name = body(*inputs)`; `origin` defaults to the block's own.

        Raises ValueError if there is a step of that name.
        """
        if name in self._names:
            raise ValueError(f"two steps called {name!r} in one block")
        self._names.add(name)
        if isinstance(body, Block):
            type_ = body.output_type
        else:
            try:
                type_ = body.shape(tuple(value.type for value in inputs))
            except ShapeError as error:
                type_ = error.recovered
        names = tuple(value.name for value in inputs)
        place = self.origin if origin is None else origin
        self._steps.append(Step(name, body, names, type_, place))
        return Value(name, type_)

    def problem(self, problem: Problem) -> None:
        """Record why this block cannot be built; the `blocks` pass reports it with its place."""
        self._problems.append(problem)

    def build(self, output: Value) -> Block:
        return Block(
            kind=self.kind,
            input=self.x.type,
            steps=tuple(self._steps),
            output=output.name,
            origin=self.origin,
            problems=tuple(self._problems),
            name=self.name,
            options=self.options,
            use=self.use,
        )
