"""Which input sizes a network accepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from archcompiler.ir import INPUT, Block, Graph, TensorType, fold
from archcompiler.ops import Operator, ShapeError

Size = tuple[int, ...]
ENOUGH: Final = 1024
"""What a network does not take is far smaller, so sizes beyond this are not tried one by one."""
MOST: Final = 4096
"""Sides that are tried of a network that does not take `ENOUGH`."""


@dataclass(frozen=True, slots=True)
class ValidSizes:
    """Inputs of equal sides, 1 to `tried` pixels, that pass every operator, as ranges (ends in)."""

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
    """Try inputs of equal sides from 1 to `tried` on the graph.

    Sides pass through every operator apart from each other, so a network that takes the equal
    sides of a range takes every size with sides in it. The default is twice the spec's own
    size, but no more than `ENOUGH` if that is among the sizes that are taken, or else `MOST`.
    """
    output = fold(_Sizes().output)

    def taken(sides: Sequence[int]) -> list[int]:
        found = output(graph.root, Column(tuple((side,) * graph.input.dims for side in sides)))
        return [side for side, size in zip(sides, found.sizes, strict=True) if size is not None]

    if tried is None:
        tried = 2 * max(graph.input.size)
        if tried > ENOUGH:
            tried = ENOUGH if taken([ENOUGH]) else min(tried, MOST)
    ranges: list[tuple[int, int]] = []
    for side in taken(range(1, tried + 1)):
        if ranges and ranges[-1][1] == side - 1:
            ranges[-1] = (ranges[-1][0], side)
        else:
            ranges.append((side, side))
    return ValidSizes(tuple(ranges), tried)


def takes(graph: Graph, size: Size) -> bool:
    """Whether a network takes an input of these sides."""
    return size_after(graph.root, size) is not None


def size_after(block: Block, size: Size) -> Size | None:
    """Size of what a block makes of an input of these sides; None if it does not take that."""
    (found,) = fold(_Sizes().output)(block, Column((size,))).sizes
    return found


@dataclass(frozen=True, eq=False)
class Column:
    """Sizes of one map for each of several inputs of the network; None where it takes none.

    Equal ones are one object: there are few of them, and many steps that would compare them.
    """

    sizes: tuple[Size | None, ...]


class _Sizes:
    """Sizes of maps, for all inputs at once: most operators keep any, and nothing is computed."""

    def __init__(self) -> None:
        self.columns: dict[tuple[Size | None, ...], Column] = {}
        self.known: dict[tuple[Operator, tuple[int, ...], tuple[Column, ...]], Column] = {}

    def output(
        self, below: Callable[[Block, Column], Column], block: Block, input: Column
    ) -> Column:
        """Those of a block's output.

        Every step is read on the way there, so what one does not take has no size there.
        """
        maps = {INPUT: input}
        for step in block.steps:
            first, *others = inputs = [maps[name] for name in step.inputs]
            body = step.body
            if isinstance(body, Block):
                maps[step.name] = below(body, first)
            elif body.keeps_size and all(other is first for other in others):
                maps[step.name] = first
            else:
                channels = tuple(block.type_of(name).channels for name in step.inputs)
                # Networks have equal pools of equal maps many times.
                key = body, channels, tuple(inputs)
                if key not in self.known:
                    self.known[key] = self._computed(*key)
                maps[step.name] = self.known[key]
        return maps[block.output]

    def _computed(
        self, op: Operator, channels: tuple[int, ...], inputs: tuple[Column, ...]
    ) -> Column:
        rows = list(zip(*(column.sizes for column in inputs), strict=True))
        known = {row: _size(op, channels, row) for row in set(rows)}
        sizes = tuple(known[row] for row in rows)
        return self.columns.setdefault(sizes, Column(sizes))


def _size(op: Operator, channels: Sequence[int], row: Sequence[Size | None]) -> Size | None:
    """Size of an operator's output for inputs of these sizes; None where there is none."""
    types = []
    for c, size in zip(channels, row, strict=True):
        if size is None:
            return None
        types.append(TensorType(c, *size))
    try:
        return op.shape(tuple(types)).size
    except ShapeError:
        return None
