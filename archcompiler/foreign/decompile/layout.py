"""What a network is told as: stem, stages and head, each with what it costs to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archcompiler.config.toml import toml_value
from archcompiler.foreign.decompile.trial import Call

Table = dict[str, Any]


@dataclass(frozen=True)
class Literal:
    """A block of the spec's own for all operators between two values of a row."""

    start: int
    end: int
    cost: int = field(compare=False, default=0)


Part = Call | Literal


@dataclass(frozen=True)
class Stage:
    """A stage, from one value of the row to another."""

    start: int
    end: int
    unit: Part
    channels: int
    stride: int = 1
    before: int = 1
    grow: bool = False
    modules: int = 0
    module: Call | None = None
    after: int = 0

    @property
    def attention(self) -> Mapping[str, Any]:
        """The options of its modules, without the depth, which is the stage's."""
        assert self.module is not None
        return {key: value for key, value in self.module.options.items() if key != "depth"}

    def table(self, unit: Part | None, attention: Table, name: Callable[[Literal], str]) -> Table:
        """As a spec has it whose units and attention modules are by default these."""
        table: Table = {"channels": self.channels}
        if self.stride != 1:
            table["stride"] = self.stride
        if self.before != 1:
            table["before"] = self.before
        if self.grow:
            table["grow"] = True
        if self.modules:
            assert self.module is not None
            table["modules"] = self.modules
            if "depth" in self.module.options:
                table["depth"] = self.module.options["depth"]
        if self.after:
            table["after"] = self.after
        if self.unit != unit:
            own = self.unit
            table["unit"] = name(own) if isinstance(own, Literal) else own.table()
        if self.modules:
            changed = _changes(attention, self._named())
            if changed:
                table["attention"] = changed
        return table

    def _named(self) -> Table:
        assert self.module is not None
        kind = {} if self.module.name == "attention" else {"type": self.module.name}
        return {**kind, **self.attention}


def _changes(base: Mapping[str, Any], wanted: Mapping[str, Any]) -> Table:
    """What is laid upon `base` to have all of `wanted`."""
    if base.get("type") != wanted.get("type"):
        return {"type": "attention", **wanted}
    return {key: value for key, value in wanted.items() if base.get(key) != value}


def cost(table: Mapping[str, Any], header: str = "") -> int:
    """Characters of a table."""
    own = len(header) + 1 if header else 0
    for key, value in table.items():
        own += len(key) + len(toml_value(value)) + 6
    return own
