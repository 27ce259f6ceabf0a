"""Which input sizes a network accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Final

from archcompiler.analysis.receptive_field import isotropic
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
    square: bool = False
    """Whether sides of one range that differ are not taken, as some operator compares them."""

    def __str__(self) -> str:
        if not self.ranges:
            return f"none up to {self.tried}"
        words = [f"{a}" if a == b else f"{a} to {b}" for a, b in self.ranges]
        start, end = self.ranges[-1]
        if self.period:
            words[2:] = [f"{words[2]} and so on by {self.period}"]
        elif end == self.tried:
            words[-1] = f"{start} and more"
        return ", ".join(words) + ", all sides equal" * self.square

    @property
    def period(self) -> int:
        """From one range to the next, where there are several that are alike; 0 for others."""
        gaps = {b - a for (a, _), (b, _) in pairwise(self.ranges)}
        alike = len({b - a for a, b in self.ranges[:-1]}) == len(gaps) == 1
        gap = min(gaps, default=0)
        return (
            gap if len(self.ranges) > 3 and alike and self.ranges[-1][0] + gap > self.tried else 0
        )


def valid_sizes(graph: Graph, tried: int | None = None) -> ValidSizes:
    """Try inputs of equal sides from 1 to `tried` on the graph.

    Sides pass through most operators apart from each other, so a network that takes the equal
    sides of a range takes every size with sides in it. One that turns maps may not: of it sides
    that differ by a pixel are tried too. The default is twice the spec's own size, but no more
    than `ENOUGH` if that is among the sizes that are taken, or else `MOST`.
    """
    dims = graph.input.dims
    output = fold(_Sizes().output)

    def taken(sides: Iterable[int]) -> list[int]:
        sizes = [(side,) * dims for side in sides]
        return [size[0] for size, passes in zip(sizes, passing(sizes), strict=True) if passes]

    def passing(sizes: Iterable[Size]) -> list[bool]:
        found = output(graph.root, Column(tuple(sizes)))
        return [size is not None for size in found.sizes]

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
    square = False
    if dims > 1 and not isotropic(graph):
        pairs = [(side, side + 1) for a, b in ranges for side in range(a, b)]
        unequal = [(b,) * i + (a,) + (b,) * (dims - 1 - i) for a, b in pairs for i in range(dims)]
        square = not all(passing(unequal))
    return ValidSizes(tuple(ranges), tried, square)


def takes(graph: Graph, size: Size) -> bool:
    """Whether a network takes an input of these sides."""
    return type_after(graph.root, TensorType(graph.input.channels, *size)) is not None


def type_after(block: Block, input: TensorType) -> TensorType | None:
    """Type of what a block makes of a map of another size than its own; None if it does not take
    that. Channels may be others too, where they are positions of such a map.
    """
    channels = None if input.channels == block.input.channels else (input.channels,)
    found = fold(_Sizes().output)(block, Column((input.size,), channels))
    (type,) = found.types(block.output_type.channels)
    return type


@dataclass(frozen=True, eq=False)
class Column:
    """Sizes of one map for each of several inputs of the network; None where it takes none.

    Equal ones are one object: there are few of them, and many steps that would compare them.
    """

    sizes: tuple[Size | None, ...]
    channels: tuple[int, ...] | None = None
    """None where they are those of the graph: channels of dot products are pixels of a map."""

    def types(self, channels: int) -> Iterator[TensorType | None]:
        """The types of a map that has these channels in the graph."""
        for size, c in zip(self.sizes, self.channels or repeat(channels), strict=False):
            yield None if size is None else TensorType(c, *size)


class _Sizes:
    """Sizes of maps, for all inputs at once: most operators keep any, and nothing is computed."""

    def __init__(self) -> None:
        self.columns: dict[object, Column] = {}
        self.known: dict[object, Column] = {}

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
            elif (
                body.keeps_size
                and first.channels is None
                and all(other is first for other in others)
            ):
                maps[step.name] = first
            else:
                channels = tuple(block.type_of(name).channels for name in step.inputs)
                # Networks have equal pools of equal maps many times.
                key = body, channels, tuple(inputs), step.type.channels
                if key not in self.known:
                    self.known[key] = self._computed(*key)
                maps[step.name] = self.known[key]
        return maps[block.output]

    def _computed(
        self, op: Operator, channels: tuple[int, ...], inputs: tuple[Column, ...], usual: int
    ) -> Column:
        """For inputs of these channels in the graph, where its output has the `usual` ones."""
        columns = (column.types(c) for column, c in zip(inputs, channels, strict=True))
        rows = list(zip(*columns, strict=True))
        known = {row: _type(op, row) for row in set(rows)}
        types = [known[row] for row in rows]
        sizes = tuple(None if type is None else type.size for type in types)
        made = tuple(usual if type is None else type.channels for type in types)
        column = Column(sizes, None if set(made) == {usual} else made)
        return self.columns.setdefault((column.sizes, column.channels), column)


def _type(op: Operator, row: Sequence[TensorType | None]) -> TensorType | None:
    """Type of an operator's output for inputs of these types; None where there is none."""
    types = tuple(type for type in row if type is not None)
    if len(types) < len(row):
        return None
    try:
        return op.shape(types)
    except ShapeError:
        return None
