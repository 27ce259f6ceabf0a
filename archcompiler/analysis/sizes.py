"""Which input sizes a network accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from archcompiler.ir import INPUT, Block, Graph, TensorType, fold
from archcompiler.ops import ShapeError

ENOUGH: Final = 1024
"""What a network does not take is far smaller, so sizes beyond this are not tried one by one."""


@dataclass(frozen=True, slots=True)
class ValidSizes:
    """The square inputs from 1 to `tried` pixels that pass every operator, as ranges (ends in)."""

    ranges: tuple[tuple[int, int], ...]
    tried: int

    def __str__(self) -> str:
        if not self.ranges:
            return f"none up to {self.tried}"
        words = [f"{a}" if a == b else f"{a} to {b}" for a, b in self.ranges]
        start, end = self.ranges[-1]
        if end == self.tried:
            words[-1] = f"{start} and more"
        return ", ".join(words)


def valid_sizes(graph: Graph, tried: int | None = None) -> ValidSizes:
    """Try every height = width from 1 to `tried` on the graph.

    Heights and widths pass through every operator apart from each other, so a network that takes
    the square sizes of a range takes every H and W in it. The default is twice the spec's own
    size, but no more than `ENOUGH` if that is among the sizes that are taken.
    """
    output_size = fold(_output_size)
    if tried is None:
        tried = 2 * max(graph.input.height, graph.input.width)
        if tried > ENOUGH and output_size(graph.root, ENOUGH) is not None:
            tried = ENOUGH
    ranges: list[tuple[int, int]] = []
    for size in range(1, tried + 1):
        if output_size(graph.root, size) is None:
            continue
        if ranges and ranges[-1][1] == size - 1:
            ranges[-1] = (ranges[-1][0], size)
        else:
            ranges.append((size, size))
    return ValidSizes(tuple(ranges), tried)


def _output_size(below: Callable[[Block, int], int | None], block: Block, size: int) -> int | None:
    """Height of the block's output for an input of `size`, or None if an operator refuses."""
    sizes = {INPUT: size}
    for step in block.steps:
        if isinstance(step.body, Block):
            output = below(step.body, sizes[step.inputs[0]])
        else:
            types = tuple(
                TensorType(block.type_of(name).channels, sizes[name], sizes[name])
                for name in step.inputs
            )
            try:
                output = step.body.shape(types).height
            except ShapeError:
                return None
        if output is None:
            return None
        sizes[step.name] = output
    return sizes[block.output]
