"""Which input sizes a network accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from archcompiler.ir import INPUT, Block, Graph, TensorType, fold
from archcompiler.ops import ShapeError

Size = tuple[int, ...]
ENOUGH: Final = 1024
"""What a network does not take is far smaller, so sizes beyond this are not tried one by one."""


MOST_TRIES: Final = 500_000
"""Sizes times steps that differ: more would take longer than all the rest of a compilation."""


@dataclass(frozen=True, slots=True)
class ValidSizes:
    """Inputs of equal sides, 1 to `tried` pixels, that pass every operator, as ranges (ends in)."""

    ranges: tuple[tuple[int, int], ...]
    tried: int

    def __str__(self) -> str:
        if not self.tried:
            return "not tried, with so many different steps"
        if not self.ranges:
            return f"none up to {self.tried}"
        words = [f"{a}" if a == b else f"{a} to {b}" for a, b in self.ranges]
        start, end = self.ranges[-1]
        if end == self.tried:
            words[-1] = f"{start} and more"
        return ", ".join(words)


def valid_sizes(graph: Graph, tried: int | None = None) -> ValidSizes:
    """Try inputs of equal sides from 1 to `tried` on the graph.

    Sides pass through every operator apart from each other, so a network that takes the equal
    sides of a range takes every size with sides in it. The default is twice the spec's own
    size, but no more than `ENOUGH` if that is among the sizes that are taken. Nothing is tried that
    would take more than `MOST_TRIES`.
    """
    output = fold(_output)
    dims = graph.input.dims

    def taken(side: int) -> bool:
        return output(graph.root, (side,) * dims) is not None

    if tried is None:
        tried = 2 * max(graph.input.size)
        if tried > ENOUGH and taken(ENOUGH):
            tried = ENOUGH
    steps = sum(len(block.steps) for _, block in graph.blocks())
    if steps * tried > MOST_TRIES:
        return ValidSizes((), 0)
    ranges: list[tuple[int, int]] = []
    for side in range(1, tried + 1):
        if not taken(side):
            continue
        if ranges and ranges[-1][1] == side - 1:
            ranges[-1] = (ranges[-1][0], side)
        else:
            ranges.append((side, side))
    return ValidSizes(tuple(ranges), tried)


def _output(
    below: Callable[[Block, Size], TensorType | None], block: Block, size: Size
) -> TensorType | None:
    """The block's output for an input of this size, or None if an operator refuses."""
    types = {INPUT: TensorType(block.input.channels, *size)}
    for step in block.steps:
        if isinstance(step.body, Block):
            output = below(step.body, types[step.inputs[0]].size)
        else:
            try:
                output = step.body.shape(tuple(types[name] for name in step.inputs))
            except ShapeError:
                return None
        if output is None:
            return None
        types[step.name] = output
    return types[block.output]
