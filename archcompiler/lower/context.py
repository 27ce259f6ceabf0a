"""What lowering carries along: the network's constants, the operator budget, blocks made so far."""

from __future__ import annotations

from archcompiler.blocks import UNIT, UNITS, UnitConfig, UnitsConfig
from archcompiler.builder import BlockBuilder, NormDetails, Value
from archcompiler.ir import Block, SpecPath, TensorType
from archcompiler.units import UnitSpec, unit_type


class TooManyOperators(Exception):
    """A spec asks for more operators than the stated bound."""

    def __init__(self, wanted: int, origin: SpecPath) -> None:
        super().__init__(wanted, origin)
        self.wanted = wanted
        self.origin = origin


class Context:
    """Shared by the lowering of all scopes of one network."""

    def __init__(self, norm: NormDetails, max_operators: int) -> None:
        self.norm = norm
        self.max_operators = max_operators
        self._units: dict[tuple[UnitSpec, TensorType, int, int, SpecPath], Block] = {}

    def block(
        self, kind: str, config: object, input: TensorType, origin: SpecPath
    ) -> BlockBuilder:
        return BlockBuilder(kind, config, input, norm=self.norm, origin=origin)

    def repeat(
        self, block: BlockBuilder, name: str, count: int, body: Block, x: Value, origin: SpecPath
    ) -> Value:
        """Append `body`, which keeps its input's type, as steps `name1` to `name{count}`.

        Raises TooManyOperators before a step is made if these alone exceed the bound.
        """
        if count * body.operator_count > self.max_operators:
            raise TooManyOperators(count * body.operator_count, origin)
        for i in range(1, count + 1):
            x = block.add(f"{name}{i}", body, x)
        return x

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
            x = builder.add("unit1", first, x)
        if count > 1:
            rest = self.unit(spec, x.type, channels, 1, origin)
            if (count - 1) * rest.operator_count > self.max_operators:
                raise TooManyOperators(count * rest.operator_count, count_origin)
            for i in range(2, count + 1):
                x = builder.add(f"unit{i}", rest, x)
        return builder.build(x)
