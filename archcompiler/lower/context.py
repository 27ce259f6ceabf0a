"""What lowering carries along: the network's constants, the operator budget, blocks made so far."""

from __future__ import annotations

from archcompiler.blocks import UNIT, UNITS, UnitConfig, UnitsConfig
from archcompiler.builder import BlockBuilder, NormDetails, Value
from archcompiler.config.path import SpecPath
from archcompiler.ir import Block, TensorType
from archcompiler.units import UnitSpec, unit_type


class TooManyOperators(Exception):
    """A spec asks for more operators than the stated bound; `wanted` is what was counted so far."""

    def __init__(self, wanted: int, origin: SpecPath) -> None:
        super().__init__(wanted, origin)
        self.wanted = wanted
        self.origin = origin


class Context:
    """Shared by the lowering of all scopes of one network."""

    def __init__(
        self, norm: NormDetails, max_operators: int, longest_run: int | None = None
    ) -> None:
        """With a `longest_run`, further equal steps are counted, but not made."""
        self.norm = norm
        self.max_operators = max_operators
        self.longest_run = longest_run
        self._operators = 0
        self._units: dict[tuple[UnitSpec, TensorType, int, int, SpecPath], Block] = {}

    def block(self, kind: str, config: object, input: TensorType, origin: SpecPath) -> BlockBuilder:
        return BlockBuilder(kind, config, input, norm=self.norm, origin=origin)

    def repeat(
        self, block: BlockBuilder, name: str, count: int, body: Block, x: Value, origin: SpecPath
    ) -> Value:
        """Append `body`, which keeps its input's type, as steps `name1` to `name{count}`.

        The operators of one `body` are taken to have been spent when it was lowered.
        """
        self.spend((count - 1) * body.operator_count, origin)
        for i in self._numbers(1, count):
            x = block.add(f"{name}{i}", body, x)
        return x

    def _numbers(self, first: int, last: int) -> range:
        return range(first, min(last, self.longest_run or last) + 1)

    def spend(self, operators: int, origin: SpecPath) -> None:
        """Count operators before they are made. Raises TooManyOperators beyond the bound.

        Everything that a spec can ask for a number of passes here, wherever it is nested, so that
        what is made in all stays within the bound.
        """
        self._operators += operators
        if self._operators > self.max_operators:
            raise TooManyOperators(self._operators, origin)

    def unit(
        self, spec: UnitSpec, input: TensorType, channels: int, stride: int, origin: SpecPath
    ) -> Block:
        """One unit; equal ones are one block."""
        key = (spec, input, channels, stride, origin)
        if key not in self._units:
            config = UnitConfig(spec, input.channels, channels, stride)
            builder = self.block(UNIT, config, input, origin)
            output = unit_type(spec.type).lower(builder, spec, channels, stride)
            self._units[key] = builder.build(output)
        return self._units[key]

    def units(
        self,
        spec: UnitSpec,
        input: TensorType,
        channels: int,
        count: int,
        *,
        stride: int = 1,
        origin: SpecPath,
        count_origin: SpecPath,
    ) -> Block:
        """A run of `count` units, the first of which may change channels and stride."""
        builder = self.block(UNITS, UnitsConfig(count), input, origin)
        x = builder.x
        if count:
            first = self.unit(spec, input, channels, stride, origin)
            self.spend(first.operator_count, count_origin)
            x = builder.add("unit1", first, x)
        if count > 1:
            rest = self.unit(spec, x.type, channels, 1, origin)
            self.spend((count - 1) * rest.operator_count, count_origin)
            for i in self._numbers(2, count):
                x = builder.add(f"unit{i}", rest, x)
        return builder.build(x)
