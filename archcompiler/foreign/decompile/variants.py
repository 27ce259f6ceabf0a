"""Runs of one structure, whatever their widths and strides are, and runs that lack a part of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from archcompiler.foreign.decompile.flow import Colours, Flow
from archcompiler.foreign.decompile.rows import Run

_NUMBERS: Final = frozenset(
    {
        *("in_channels", "out_channels", "channels", "in_features", "out_features"),
        *("stride", "groups", "padding"),
    }
)
"""Attributes that may differ between runs of one structure."""


class Cut(NamedTuple):
    """Operators that are not there in a variant, and what is read instead of their result."""

    nodes: tuple[str, ...]
    instead: str


@dataclass(frozen=True)
class Plan:
    """Operators in order with what each reads, without widths."""

    nodes: tuple[str, ...]
    reads: Mapping[str, tuple[str, ...]]
    entry: str
    exit: str

    @classmethod
    def of(cls, run: Run) -> Plan:
        return cls(run.nodes, {n: run.flow.reads[n] for n in run.nodes}, run.entry, run.exit)

    def without(self, cut: Cut) -> Plan:
        """What is left where a part is not there."""
        gone, last = set(cut.nodes), cut.nodes[-1]
        reads = {
            node: tuple(cut.instead if source == last else source for source in self.reads[node])
            for node in self.nodes
            if node not in gone
        }
        exit = cut.instead if self.exit == last else self.exit
        return Plan(tuple(reads), reads, self.entry, exit)

    def cuts(self) -> Iterator[Cut]:
        """Parts that may be missing: operators in a row, and a last join."""
        readers: dict[str, list[str]] = {}
        for node in self.nodes:
            for source in self.reads[node]:
                readers.setdefault(source, []).append(node)
        for first in self.nodes:
            if len(self.reads[first]) != 1:
                continue
            row = [first]
            while True:
                source = self.reads[first][0]
                if row[-1] != self.exit:
                    yield Cut(tuple(row), source)
                    if source != self.entry:
                        yield Cut(tuple(row), self.entry)
                following = readers.get(row[-1], [])
                if len(following) != 1 or len(self.reads[following[0]]) != 1:
                    break
                row.append(following[0])
        if len(self.reads[self.exit]) > 1:
            for source in dict.fromkeys(self.reads[self.exit]):
                if source != self.entry:
                    yield Cut((self.exit,), source)


@dataclass
class Structures:
    """Colours of operators by kind and place alone."""

    flow: Flow
    colours: Colours = field(default_factory=Colours)
    _labels: dict[str, Hashable] = field(default_factory=dict)

    def label(self, node: str) -> Hashable:
        """An operator without its numbers."""
        if node not in self._labels:
            kind, attributes, _ = self.flow.view.nodes[node]["label"]
            kept = tuple(pair for pair in attributes if pair[0] not in _NUMBERS)
            roles = self.flow.op(node)
            ordered = roles is not None and len(set(roles.roles(len(self.flow.reads[node])))) > 1
            self._labels[node] = (kind, kept, ordered)
        return self._labels[node]

    def each(self, plan: Plan) -> dict[str, int]:
        """A number for each operator by all that leads to it."""
        found = {plan.entry: -1}
        for node in plan.nodes:
            own = self.label(node)
            read = [found[source] for source in plan.reads[node]]
            ordered = isinstance(own, tuple) and own[2]
            found[node] = self.colours.number((own, *(read if ordered else sorted(read))))
        return found

    def key(self, plan: Plan) -> Hashable:
        """Equal for plans of one structure."""
        found = self.each(plan)
        own = tuple(sorted(found[node] for node in plan.nodes))
        return found.get(plan.exit, -1), own

    def aligned(self, base: Plan, other: Plan) -> dict[str, str] | None:
        """Nodes of another plan by those of the base; None if they are of another structure."""
        ours, theirs = self.each(base), self.each(other)
        places: dict[int, list[str]] = {}
        for node in other.nodes:
            places.setdefault(theirs[node], []).append(node)
        found: dict[str, str] = {}
        for node in base.nodes:
            own = places.get(ours[node], [])
            if not own:
                return None
            found[node] = own.pop(0)
        return found if len(found) == len(other.nodes) else None
