"""A network taken apart: rows of what all data passes, and what lies between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import networkx as nx

from archcompiler.foreign.decompile.flow import Colours, Flow, Key


@dataclass(eq=False)
class Row:
    """Maps that all data passes, one after another, from where it branches to where it joins.

    Between `values[i]` and `values[i + 1]` lie the rows of `gaps[i]`; without any, the second is
    one operator on the first.
    """

    values: list[str]
    gaps: list[list[Row]] = field(default_factory=list)
    entered: bool = True
    """Whether the first value is what the row reads, and not an operator of it."""

    @property
    def first(self) -> str:
        """Its first operator."""
        return self.values[1] if self.entered else self.values[0]

    def heads(self, flow: Flow) -> set[str]:
        """Operators of it that read what is before it."""
        if not self.entered:
            return {self.values[0]}
        return {node for node in self.nodes() if self.values[0] in flow.reads[node]}

    def inner(self, gap: int) -> Iterator[str]:
        """Operators between a value and the next one, in no order."""
        for row in self.gaps[gap]:
            yield from row.nodes()

    def nodes(self) -> Iterator[str]:
        """Every operator of the row, in no order."""
        yield from self.values[1:] if self.entered else self.values
        for gap in range(len(self.gaps)):
            yield from self.inner(gap)


def rows(flow: Flow) -> Row:
    """The row from the input to the output, with all that is inside it.

    `a` and `b` follow one another where `a` is the last that all data to `b` passes, and `b` the
    first that all data from `a` does.
    """
    graph = flow.structure
    before = nx.immediate_dominators(graph, flow.input)
    after = nx.immediate_dominators(graph.reverse(copy=False), flow.output)
    following = {
        a: b for a, b in after.items() if a != flow.output and before.get(b) == a and a != b
    }
    own: dict[str, Row] = {}
    heads = [node for node in flow.order if node not in following.values()]
    for head in heads:
        row = Row([head])
        while row.values[-1] in following:
            row.values.append(following[row.values[-1]])
        row.gaps = [[] for _ in row.values[1:]]
        for value in row.values:
            own[value] = row
    home: dict[str, tuple[Row, int]] = {}
    for head in heads:
        if head == flow.input:
            continue
        split = before[head]
        if split in following:
            row = own[split]
            home[head] = row, row.values.index(split)
        else:
            # It branches inside of a gap, and not at the beginning of it.
            home[head] = home[own[split].values[0]]
        outer, gap = home[head]
        outer.gaps[gap].append(own[head])
    for head in heads:
        row = own[head]
        if head == flow.input:
            continue
        sources = flow.reads[head]
        row.entered = len(sources) == 1
        if row.entered:
            row.values.insert(0, sources[0])
            row.gaps.insert(0, [])
    whole = own[flow.input]
    for row in every(whole):
        for own_gap in row.gaps:
            _gather(flow, own_gap, before)
    return whole


def _gather(flow: Flow, gap: list[Row], dominators: Mapping[str, str]) -> None:
    """Put what leads to a join, and to nothing else, into the row that begins with it.

    Where a map is read by several branches, the first unit of each would else lie in pieces.
    """
    gap.sort(key=lambda row: flow.number[row.first])
    for row in [row for row in gap if not row.entered]:
        split = dominators[row.first]
        own = {other.values[-1]: other for other in gap if other is not row}
        inside: dict[str, Row] = {}
        waiting = list(flow.reads[row.first])
        while waiting:
            source = waiting.pop()
            if source != split and source not in inside and source in own:
                inside[source] = other = own[source]
                waiting += [other.values[0]] if other.entered else flow.reads[other.first]
        readers = {node for last in inside for node in flow.structure.successors(last)}
        firsts = {node for other in inside.values() for node in other.heads(flow)}
        if inside and readers <= {*firsts, row.first}:
            lasts = set(inside)
            row.values.insert(0, split)
            row.gaps.insert(0, [other for other in gap if other.values[-1] in lasts])
            row.entered = True
            gap[:] = [other for other in gap if other is row or other.values[-1] not in lasts]


def every(row: Row) -> Iterator[Row]:
    """A row and all that are inside it, outermost first."""
    yield row
    for gap in row.gaps:
        for inner in gap:
            yield from every(inner)


@dataclass(frozen=True)
class Run:
    """Part of a row: all operators after one value up to another."""

    flow: Flow
    row: Row
    start: int
    end: int

    @property
    def entry(self) -> str:
        return self.row.values[self.start]

    @property
    def exit(self) -> str:
        return self.row.values[self.end]

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Its operators in order of data flow; the last is its result."""
        own = set(self.row.values[self.start + 1 : self.end + 1])
        for gap in range(self.start, self.end):
            own.update(self.row.inner(gap))
        number = self.flow.number
        return tuple(sorted(own, key=number.__getitem__))

    def key(self, colours: Colours) -> Key:
        """What it computes; equal for isomorphic runs of maps of one type."""
        return colours.key(self.flow.view, self.nodes, {self.entry: self.flow.type(self.entry)})
