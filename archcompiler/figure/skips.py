"""Which edges of a block are skip connections: what passes by a longer way into the same sum."""

from __future__ import annotations

from typing import Final

from archcompiler.analysis.branches import roles
from archcompiler.figure.words import role_of
from archcompiler.ir import INPUT, Block, Step
from archcompiler.ir.kinds import UNIT, UNITS
from archcompiler.ops import Conv
from archcompiler.ops.base import Operator

Edge = tuple[str, str]
"""The names of an input and of the step that reads it."""

_PASSES: Final = frozenset({"norm", "pool"})
"""Roles of what a shortcut may have beside 1×1 convolutions."""


def skips(block: Block) -> frozenset[Edge]:
    """The edges into sums from a step that another input of the sum is computed from, by more.

    Such an edge is one alone, or leads over a projection that nothing else reads. A branch that
    computes as much as the others is none, wherever it begins.
    """
    ways = _Ways(block)
    found: set[Edge] = set()
    for step in block.steps:
        if step.body.kind == "add":
            for i, name in enumerate(step.inputs):
                others = [other for j, other in enumerate(step.inputs) if j != i]
                found.update(ways.shortcut(step, name, others))
    return frozenset(found)


def is_residual(block: Block) -> bool:
    """Whether a block adds what it computes to what it was given, or each of its parts does."""
    if skips(block):
        return True
    parts = [step.body for step in block.steps if isinstance(step.body, Block) and step.body.steps]
    before = [INPUT, *(step.name for step in block.steps)]
    chain = all(step.inputs == (a,) for a, step in zip(before, block.steps, strict=False))
    return chain and bool(parts) and all(is_residual(part) for part in parts)


class _Ways:
    """The ways through a block."""

    def __init__(self, block: Block) -> None:
        self.steps = block.steps
        self.places = {INPUT: -1} | {step.name: i for i, step in enumerate(block.steps)}
        self.readers = {block.output: 1}
        for step in block.steps:
            for name in step.inputs:
                self.readers[name] = self.readers.get(name, 0) + 1
        self.lengths: dict[str, tuple[int, dict[str, int]]] = {}
        """By where ways begin, operators on the longest to each of so many steps."""

    def shortcut(self, end: Step, name: str, others: list[str]) -> list[Edge]:
        """The edges back from a sum to where its other inputs come from too; none of a branch."""
        edges, length, reader = list[Edge](), 0, end.name
        while True:
            edges.append((name, reader))
            if any(self.longest(name, other) > length for other in others):
                return edges
            if name == INPUT or self.readers[name] > 1:
                return []
            step = self.steps[self.places[name]]
            if not _passes(step.body):
                return []
            length += _length(step.body)
            name, reader = step.inputs[0], name

    def longest(self, start: str, end: str) -> int:
        """Operators on the longest way from one step to another; -1 if there is no way.

        What only takes its size from a map is not computed from it.
        """
        done, lengths = self.lengths.get(start, (self.places[start] + 1, {start: 0}))
        last = self.places[end] + 1
        for step in self.steps[done:last]:
            before = [
                lengths[source]
                for source, role in zip(step.inputs, roles(step), strict=True)
                if source in lengths and role != "size"
            ]
            if before:
                lengths[step.name] = max(before) + _length(step.body)
        self.lengths[start] = max(done, last), lengths
        return lengths.get(end, -1)


def _length(body: Operator | Block) -> int:
    return body.operator_count if isinstance(body, Block) else 1


def _passes(body: Operator | Block) -> bool:
    """Whether a step may stand on a shortcut: a projection, or units, as those across a mask."""
    if isinstance(body, Block):
        return body.kind in (UNIT, UNITS) or all(_passes(step.body) for step in body.steps)
    return body.kernel == 1 if isinstance(body, Conv) else role_of(body) in _PASSES
