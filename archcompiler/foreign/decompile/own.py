"""Blocks of a spec's own: runs of operators as steps, with units of the library called in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from archcompiler.config.toml import toml_value
from archcompiler.foreign.decompile.expressing import Use, relative
from archcompiler.foreign.decompile.families import free
from archcompiler.foreign.decompile.flow import Flow
from archcompiler.foreign.decompile.found import Unit, stride_of
from archcompiler.foreign.decompile.layout import Literal, Part, Table
from archcompiler.foreign.decompile.parts import with_parts_together
from archcompiler.foreign.decompile.rows import Row, Run
from archcompiler.foreign.decompile.saying import Words, said
from archcompiler.foreign.decompile.steps import Item, as_steps

_ROOM: Final = 180
"""Steps of a block: a spec may have few more."""
_FEW: Final = 3
"""Steps that stay where they are, also where a block gets too long."""

SEGMENT: Final = "segment"
"""What a block for a part of a row is called."""

Units = Callable[[Row], Mapping[int, list[Unit]]]


class _Piece(NamedTuple):
    """Steps from one value of a row to another."""

    start: int
    end: int
    items: list[Item]
    cost: int


@dataclass
class Blocks:
    """The blocks of a spec by name, and those that are made while it is written."""

    flow: Flow
    words: Words
    units: Units
    blocks: dict[str, Table] = field(default_factory=dict)

    def part(self, row: Row, part: Part, word: str) -> Any:
        """How a spec names a part: by its block, or by one that is written out, `word`."""
        if not isinstance(part, Literal):
            return part.table()
        if part.start == part.end:
            return self._named({"steps": {"keep": {"op": "identity"}}}, word)
        use = self._use(row, part.start, part.end)
        # A stem and a head are there once, and what they are called with is not always theirs.
        return self._block(row, part.start, part.end, word, use if word == SEGMENT else None)

    def steps(self, row: Row, start: int, end: int) -> dict[str, Table]:
        """A part of a row as the steps of a block."""
        return self._steps(row, start, end, self._use(row, start, end))

    def table(self, row: Row, part: Part, word: str) -> Table:
        """The same as a table."""
        found = self.part(row, part, word)
        return {"type": found} if isinstance(found, str) else found

    def called(self, spec: Table) -> dict[str, Table]:
        """The blocks that a spec names, and those that these name."""
        found: set[str] = set()
        waiting = set(_texts(spec))
        while waiting:
            word = waiting.pop()
            if word in self.blocks and word not in found:
                found.add(word)
                waiting |= set(_texts(self.blocks[word]))
        return {name: table for name, table in self.blocks.items() if name in found}

    def _block(self, row: Row, start: int, end: int, word: str, use: Use | None) -> str:
        return self._named({"steps": self._steps(row, start, end, use)}, word)

    def _steps(self, row: Row, start: int, end: int, use: Use | None) -> dict[str, Table]:
        items = self._items(row, start, end)
        if use is not None:
            items = [item._replace(table=relative(item.table, use)) for item in items]
        return as_steps(with_parts_together(items, row.values[end]), row.values[start])

    def _use(self, row: Row, start: int, end: int) -> Use:
        """What a part of a row is called with as a block."""
        c, cin = (self.flow.type(row.values[at]).channels for at in (end, start))
        return Use(c, cin, stride_of(Run(self.flow, row, start, end)) or 1)

    def _named(self, block: Table, word: str) -> str:
        """The name of a block; equal ones have one."""
        for name, known in self.blocks.items():
            if known == block:
                return name
        name = free(word, self.blocks)
        self.blocks[name] = block
        return name

    def _items(self, row: Row, start: int, end: int) -> list[Item]:
        """Steps from one value to another; where these are too many, blocks of them."""
        pieces = self._pieces(row, start, end)
        if sum(len(piece.items) for piece in pieces) <= _ROOM:
            return [item for piece in pieces for item in piece.items]
        items: list[Item] = []
        for group in _groups(pieces):
            first, last = group[0].start, group[-1].end
            if len(group) > 1 or len(group[0].items) <= _ROOM:
                items.append(self._called(row, first, last))
            else:
                items += self._split(row, first)
        return items

    def _split(self, row: Row, gap: int) -> Iterator[Item]:
        """A branch of too many steps: each row in it as a block, and where they join."""
        for inner in self._inner(row, gap):
            first = 0
            if not inner.entered:
                yield self._item(inner.values[0])
            if len(inner.values) > 1:
                few = sum(1 for _ in inner.nodes()) <= _FEW
                last = len(inner.values) - 1
                if few:
                    yield from self._items(inner, first, last)
                else:
                    yield self._called(inner, first, last)
        yield self._item(row.values[gap + 1])

    def _called(self, row: Row, start: int, end: int) -> Item:
        """A block of its own for a part of a row, as a step."""
        # Its stride is not said where it is called.
        use = self._use(row, start, end)._replace(stride=1)
        table = {"op": self._block(row, start, end, SEGMENT, use)}
        channels = {} if use.c == use.cin else {"channels": use.c}
        return Item(row.values[end], table | channels, (row.values[start],))

    def _pieces(self, row: Row, start: int, end: int) -> list[_Piece]:
        """The cheapest way to write a part of a row: operators, and units in a row."""
        best: dict[int, tuple[int, list[_Piece]]] = {start: (0, [])}
        units = self.units(row)
        for at in range(start, end):
            price, pieces = best[at]
            for piece in (self._plain(row, at), *_rows(self.flow, row, units, at)):
                if piece.end <= end:
                    total = price + piece.cost
                    if piece.end not in best or total < best[piece.end][0]:
                        best[piece.end] = total, [*pieces, piece]
        return best[end][1]

    def _plain(self, row: Row, gap: int) -> _Piece:
        """The operators from a value to the next one."""
        items: list[Item] = []
        for inner in self._inner(row, gap):
            if not inner.entered:
                items.append(self._item(inner.values[0]))
            pieces = self._pieces(inner, 0, len(inner.values) - 1)
            items += [item for piece in pieces for item in piece.items]
        items.append(self._item(row.values[gap + 1]))
        return _Piece(gap, gap + 1, items, sum(map(_cost, items)))

    def _inner(self, row: Row, gap: int) -> Sequence[Row]:
        return sorted(row.gaps[gap], key=lambda inner: self.flow.number[inner.first])

    def _item(self, node: str) -> Item:
        return Item(node, self.words.of(said(self.flow, node)), self.flow.reads[node])


def _rows(flow: Flow, row: Row, units: Mapping[int, list[Unit]], start: int) -> Iterator[_Piece]:
    """Units of one type in a row that begin at a value, as one step."""
    for first in units.get(start, ()):
        end, count = first.end, 1
        while True:
            call: Table = {"op": first.call.name}
            if first.c != first.cin:
                call["channels"] = first.c
            if first.stride != 1:
                call["stride"] = first.stride
            call |= first.call.options
            if count > 1:
                call["repeat"] = count
            item = Item(row.values[end], call, (row.values[start],))
            yield _Piece(start, end, [item], _cost(item))
            following = [
                unit
                for unit in units.get(end, ())
                if unit.call == first.call and unit.stride == 1 and unit.cin == unit.c
            ]
            if not following:
                break
            end, count = following[0].end, count + 1


def _groups(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Pieces of as many steps as fit in a block."""
    groups: list[list[_Piece]] = []
    room = 0
    for piece in pieces:
        if not groups or len(piece.items) > room:
            groups.append([])
            room = _ROOM
        groups[-1].append(piece)
        room -= len(piece.items)
    return groups


def _cost(item: Item) -> int:
    return 14 + len(toml_value(item.table)) + 20 * (len(item.reads) > 1)


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _texts(value)
    elif isinstance(values, Sequence):
        for value in values:
            yield from _texts(value)
