"""All in which two networks differ, found by walking down both and going on after a difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import networkx as nx

from archcompiler.foreign.difference import Difference, operation
from archcompiler.verify.isomorphism import Dataflow

Kind: TypeAlias = Literal[
    "padding", "option", "operator", "source", "sum", "extra", "missing", "size"
]
"""What a deviation is of: the padding of a pool, another hyper-parameter, another operator in the
same place, one that reads another result, a sum or another operator too many, an operator that is
not there, or the size that an interpolation leads to."""
_AHEAD: Final = 24
"""Operators behind two places that are compared, where it is not said which of several is meant."""
_PAST: Final = 3
"""Operators in a row that one side may lack."""
_WEIGHED: Final = ("conv", "linear")
_POOLS: Final = ("max_pool", "avg_pool")


@dataclass(frozen=True)
class Deviation:
    """One difference after which both networks go on alike."""

    kind: Kind
    said: str
    """What is otherwise, without the place: `max_pool padding=1 for padding=0`."""
    difference: Difference


@dataclass(frozen=True)
class Alignment:
    """How far two networks could be walked down together."""

    deviations: tuple[Deviation, ...]
    """In the order of the computation."""
    unmatched: tuple[tuple[str, ...], tuple[str, ...]]
    """Nodes of ours and of theirs that no place was found for."""


def align(ours: Dataflow, theirs: Dataflow) -> Alignment:
    """Match operators of theirs, in their order, with those of ours that read the same.

    After a difference the walk goes on: an operator with other options, or another one in its
    place, counts as matched, a sum too many as one of what it adds, and of one that either side
    has alone the input as the output.
    """
    walk = _Walk(ours, theirs)
    for node in theirs:
        walk.step(node)
    matched = set(walk.place.values())
    read = {deviation.difference.ours for deviation in walk.deviations}
    skipped = {known.name for known in read if known is not None}
    left = [n for n in ours if n not in matched and _called(ours, n) not in skipped]
    return Alignment(tuple(walk.deviations), (tuple(left), tuple(walk.lost)))


def _called(graph: Dataflow, node: str) -> str:
    return str(graph.nodes[node].get("called") or node)


@dataclass
class _Walk:
    ours: Dataflow
    theirs: Dataflow
    place: dict[str, str] = field(default_factory=dict)
    """The node of ours whose result a node of theirs has."""
    lost: list[str] = field(default_factory=list)
    deviations: list[Deviation] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def step(self, node: str) -> None:
        """Find the place of one node whose sources have theirs."""
        edges = [(s, data["role"]) for s, _, data in self.theirs.in_edges(node, data=True)]
        if not edges:
            self._match(node, next(n for n in self.ours if not self.ours.in_degree(n)))
            return
        if any(source not in self.place for source, _ in edges):
            self.lost.append(node)
            return
        sources = [(self.place[source], role) for source, role in edges]
        ways = (
            self._same,
            self._other_options,
            self._too_many,
            self._absent,
            self._elsewhere,
            self._another,
        )
        for way in ways:
            if way(node, sources):
                return
        self.lost.append(node)

    def _same(self, node: str, sources: Sequence[tuple[str, str]]) -> bool:
        """An operator of ours of the same kind and options, on whatever shape."""
        kind, options, type = self._label(self.theirs, node)
        fitting = [
            other
            for other in self._readers(sources)
            if self._label(self.ours, other)[:2] == (kind, options)
        ]
        exact = [other for other in fitting if self._label(self.ours, other)[2] == type]
        found = self._likest(node, exact or fitting)
        if found is None:
            return False
        before = zip(sources, self._edges(node), strict=True)
        if not exact and all(
            self._label(self.ours, s)[2] == self._label(self.theirs, t)[2]
            for (s, _), (t, _) in before
        ):
            self._note("size", node, found)
        return self._match(node, found)

    def _other_options(self, node: str, sources: Sequence[tuple[str, str]]) -> bool:
        """The same kind of operator with other options."""
        kind = self._label(self.theirs, node)[0]
        alike = [n for n in self._readers(sources) if self._label(self.ours, n)[0] == kind]
        found = self._likest(node, alike)
        if found is None:
            return False
        padded = self._padding(self.theirs, node) != self._padding(self.ours, found)
        self._note("padding" if padded and kind in _POOLS else "option", node, found)
        return self._match(node, found)

    def _elsewhere(self, node: str, sources: Sequence[tuple[str, str]]) -> bool:
        """The same operator, but for options, that reads another result of those so far."""
        so_far = set(self.place.values())
        fitting = [
            other
            for other in self.ours
            if other not in self.taken
            and self._alike(node, other)
            and so_far.issuperset(self.ours.predecessors(other))
        ]
        if len(fitting) != 1 or self.ours.in_degree(fitting[0]) != len(sources):
            return False
        self._note("source", node, fitting[0])
        return self._match(node, fitting[0])

    def _another(self, node: str, sources: Sequence[tuple[str, str]]) -> bool:
        """An operator of another kind but for the same, that reads the same."""
        wanted = Counter(source for source, _ in sources)
        fitting = [
            other
            for other in self._free(sources[0][0])
            if Counter(source for source, _ in self.ours.in_edges(other)) == wanted
            and self._akin(node, other)
        ]
        found = self._likest(node, fitting)
        if found is None:
            return False
        self._note("operator", node, found)
        return self._match(node, found)

    def _too_many(self, node: str, sources: Sequence[tuple[str, str]]) -> bool:
        """An operator that ours has not, if what reads it fits one of what it reads."""
        kind = self._label(self.theirs, node)[0]
        wanted = [self._label(self.theirs, n)[:2] for n in self.theirs.successors(node)]
        best = None
        for source, _ in sources:
            found = [self._label(self.ours, n)[:2] for n in self._free(source)]
            if any(label in found for label in wanted):
                best = source if best is None else self._later(best, source)
        if best is None:
            return False
        self._note("sum" if kind == "add" else "extra", node, None)
        self.place[node] = best
        return True

    def _absent(self, node: str, sources: Sequence[tuple[str, str]]) -> bool:
        """Up to `_PAST` operators of ours in a row that theirs goes past."""
        for i, (source, role) in enumerate(sources):
            for past in self._rows(source):
                moved = [*sources[:i], (past[-1], role), *sources[i + 1 :]]
                fitting = [n for n in self._readers(moved) if self._alike(node, n)]
                found = self._likest(node, fitting)
                if found is None:
                    continue
                for other in past:
                    self._note("missing", None, other)
                    self.taken.add(other)
                return self._same(node, moved) or self._other_options(node, moved)
        return False

    def _rows(self, source: str) -> Iterator[tuple[str, ...]]:
        """Free operators behind a source, each of which reads the one before alone; short first."""
        rows: list[tuple[str, ...]] = [()]
        for _ in range(_PAST):
            rows = [
                (*row, other)
                for row in rows
                for other in self._free(row[-1] if row else source)
                if len(set(self.ours.predecessors(other))) == 1
            ]
            yield from rows

    def _alike(self, node: str, other: str) -> bool:
        """Whether both are of one kind, perhaps with other options, and give the same shape."""
        theirs, ours = self._label(self.theirs, node), self._label(self.ours, other)
        return theirs[0] == ours[0] and bool(theirs[2] == ours[2])

    def _akin(self, node: str, other: str) -> bool:
        """Whether both are activations, pools, … or both weigh what they read."""
        theirs, ours = (
            graph.nodes[n]["op"] for graph, n in ((self.theirs, node), (self.ours, other))
        )
        if theirs is None or ours is None:
            return False
        alike = theirs.role == ours.role
        return alike or {theirs.kind, ours.kind} == set(_WEIGHED)

    def _match(self, node: str, other: str) -> bool:
        self.place[node] = other
        self.taken.add(other)
        return True

    def _note(self, kind: Kind, node: str | None, other: str | None) -> None:
        difference = Difference(
            None if node is None else operation(self.theirs, node),
            None if other is None else operation(self.ours, other),
        )
        labels = (
            None if node is None else self._label(self.theirs, node),
            None if other is None else self._label(self.ours, other),
        )
        self.deviations.append(Deviation(kind, _said(kind, *labels), difference))

    def _readers(self, sources: Sequence[tuple[str, str]]) -> list[str]:
        """Free operators of ours that read these, in these roles, and nothing else."""
        wanted = Counter(sources)
        return [
            other
            for other in self._free(sources[0][0])
            if Counter((s, d["role"]) for s, _, d in self.ours.in_edges(other, data=True)) == wanted
        ]

    def _free(self, source: str) -> Iterator[str]:
        yield from (n for n in dict.fromkeys(self.ours.successors(source)) if n not in self.taken)

    def _edges(self, node: str) -> list[tuple[str, str]]:
        return [(s, data["role"]) for s, _, data in self.theirs.in_edges(node, data=True)]

    def _later(self, one: str, other: str) -> str:
        order = list(self.ours)
        return max(one, other, key=order.index)

    def _likest(self, node: str, others: Sequence[str]) -> str | None:
        """Of several places the one after which most is as it is in theirs."""
        if len(others) < 2:
            return next(iter(others), None)
        ahead = _ahead(self.theirs, node)
        return max(others, key=lambda other: (_ahead(self.ours, other) & ahead).total())

    @staticmethod
    def _label(graph: Dataflow, node: str) -> tuple[Any, ...]:
        label: tuple[Any, ...] = graph.nodes[node]["label"]
        return label

    @classmethod
    def _padding(cls, graph: Dataflow, node: str) -> object:
        return dict(cls._label(graph, node)[1]).get("padding")


def _said(kind: Kind, theirs: tuple[Any, ...] | None, ours: tuple[Any, ...] | None) -> str:
    """What a deviation is, whatever its place is."""
    if theirs is None or ours is None:
        known = theirs or ours
        assert known is not None
        return str(known[0])
    if kind == "source":
        return f"{theirs[0]} reads another result"
    if kind == "size":
        return f"{theirs[0]} to {theirs[2].pixel_words} for {ours[2].pixel_words}"
    if theirs[0] != ours[0]:
        return f"{theirs[0]} for {ours[0]}"
    wanted = dict(ours[1])
    changed = [(name, value) for name, value in theirs[1] if wanted.get(name) != value]
    now = " ".join(f"{name}={value}" for name, value in changed)
    was = " ".join(f"{name}={wanted.get(name)}" for name, _ in changed)
    return f"{theirs[0]} {now} for {was}"


def _ahead(graph: Dataflow, node: str) -> Counter[Hashable]:
    """The operators that come next behind a place, nearest first, with how far they are."""
    found: Counter[Hashable] = Counter()
    for depth, layer in enumerate(nx.bfs_layers(graph, node)):
        found.update((depth, graph.nodes[n]["label"][0]) for n in layer)
        if found.total() > _AHEAD:
            break
    return found
