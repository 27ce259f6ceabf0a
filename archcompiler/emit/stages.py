"""The stages of a network, as its file makes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archcompiler.ir import Block, Graph, TensorType
from archcompiler.ir.kinds import ATTENTION, STAGE, UNIT
from archcompiler.language.use import Use


class StageView(NamedTuple):
    """One stage: a line of the network's constructor."""

    name: str
    block: Block
    unit: Use | None
    """None where all units are inside attention modules."""
    attention: Use | None
    before: int
    modules: int
    after: int

    @property
    def output(self) -> TensorType:
        return self.block.output_type

    @property
    def stride(self) -> int:
        return int(self.unit.stride) if self.unit is not None else 1


def stages_of(graph: Graph) -> Iterator[StageView]:
    """All of a network, in order."""
    for step in graph.root.steps:
        block = step.body
        if isinstance(block, Block) and block.kind == STAGE:
            rows = {s.name: s.body for s in block.steps if isinstance(s.body, Block)}
            modules = [b for b in rows.values() if b.kind == ATTENTION]
            units = [rows[name] for name in ("before", "after") if name in rows]
            first = next((u for row in units for u in _units(row)), None)
            yield StageView(
                step.name,
                block,
                first,
                use_of(modules[0]) if modules else None,
                *(len(rows["before"].steps), len(modules)),
                len(rows["after"].steps) if "after" in rows else 0,
            )


def use_of(block: Block) -> Use:
    """What a block is a use of."""
    assert isinstance(block.use, Use)
    return block.use


def _units(row: Block) -> Iterator[Use]:
    for step in row.steps:
        if isinstance(step.body, Block) and step.body.kind == UNIT:
            yield use_of(step.body)
