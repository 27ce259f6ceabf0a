"""Writes one block of the graph, step by step, with shapes inferred as it goes."""

from __future__ import annotations

from typing import NamedTuple

from archcompiler.config.path import SpecPath
from archcompiler.ir import INPUT, Block, Problem, Step, TensorType
from archcompiler.ops import BatchNorm, Conv, Operator, Relu, ShapeError


class Value(NamedTuple):
    """A feature map inside a block: the step that writes it, and its shape."""

    name: str
    type: TensorType


class NormDetails(NamedTuple):
    """The two constants of every batch normalisation in a network."""

    eps: float = 1e-5
    momentum: float = 0.1


class BlockBuilder:
    """Collects the steps of one block; `build` freezes them.

    A shape error does not stop the building: the step gets the type that the operator recovers
    with, and the `shapes` pass reports the error with its place in the spec.
    """

    def __init__(
        self,
        kind: str,
        config: object,
        input: TensorType,
        *,
        norm: NormDetails,
        origin: SpecPath = (),
    ) -> None:
        self.kind = kind
        self.config = config
        self.x = Value(INPUT, input)
        self.norm_details = norm
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

    def part(
        self, channels: int, denominator: int, numerator: int = 1, *, option: str | None = None
    ) -> int:
        """`channels * numerator / denominator`, a problem of this block unless it is whole.

        `option` names the option of the unit that the fraction comes from.
        """
        if channels * numerator % denominator:
            share = f"{numerator}/{denominator}"
            self.problem(f"{share} of {channels} channels is not a whole number", option)
        return max(1, channels * numerator // denominator)

    def problem(self, message: str, option: str | None = None) -> None:
        """Record why this block cannot be built; the `units` pass reports it with its place."""
        self._problems.append(Problem(message, option))

    def conv(
        self,
        name: str,
        x: Value,
        channels: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
    ) -> Value:
        """A convolution without bias, padded so that stride 1 keeps the size (odd kernels)."""
        in_channels = x.type.channels
        op = Conv(in_channels, channels, kernel, stride, padding=kernel // 2, groups=groups)
        return self.add(name, op, x)

    def norm(self, name: str, x: Value) -> Value:
        """Batch normalisation with the network's constants."""
        details = self.norm_details
        return self.add(name, BatchNorm(x.type.channels, details.eps, details.momentum), x)

    def relu(self, name: str, x: Value) -> Value:
        return self.add(name, Relu(), x)

    def build(self, output: Value) -> Block:
        return Block(
            kind=self.kind,
            config=self.config,
            input=self.x.type,
            steps=tuple(self._steps),
            output=output.name,
            origin=self.origin,
            problems=tuple(self._problems),
        )
