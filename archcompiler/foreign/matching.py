"""The isomorphism of two networks, and where a symmetry leaves a choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import networkx as nx

from archcompiler.foreign.names import Decision, decide
from archcompiler.verify.isomorphism import Dataflow

_MOST: Final = 2_000
"""Refinements of one search: what needs more is no network that anybody has drawn."""


@dataclass(frozen=True)
class Choice:
    """Operators that nothing but their names tells apart."""

    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    decision: Decision


@dataclass(frozen=True)
class Correspondence:
    """An isomorphism of two networks."""

    pairs: Mapping[str, str]
    """Nodes of theirs by nodes of ours."""
    choices: tuple[Choice, ...]
    """Where there are several, why this one."""


class Undecided(Exception):
    """Operators are alike, and their names do not say which is which."""

    def __init__(self, ours: Sequence[str], theirs: Sequence[str]) -> None:
        super().__init__(ours, theirs)
        self.ours, self.theirs = tuple(ours), tuple(theirs)


class TooSymmetric(Exception):
    """More choices than are looked through."""


def correspond(
    ours: Dataflow, theirs: Dataflow, pinned: Mapping[str, str] | None = None
) -> Correspondence | None:
    """The isomorphism of two networks that keeps labels, edges and roles; None if there is none.

    Nodes have a `label`, edges a `role`; a node with `tensors` is called by its `called`. `pinned`
    are pairs of nodes that it must have. Where several isomorphisms differ in tensors, names
    decide; raises Undecided where they do not. Each step colours the nodes by all that is before
    and after them, until no two of one colour can be told apart; then one class of them is paired.
    """
    search = _Search(_Side.of(ours), _Side.of(theirs))
    colours = search.begin(pinned or {})
    if colours is None:
        return None
    choices: list[Choice] = []
    found = search.settle(colours, choices)
    if found is None:
        return None
    own, other = search.sides
    pairs = {own.nodes[a]: other.nodes[b] for a, b in found.items()}
    return Correspondence(pairs, tuple(choices))


def isomorphic(ours: Dataflow, theirs: Dataflow) -> bool:
    """Whether there is an isomorphism, whichever of several operators is which."""
    search = _Search(_Side.of(ours), _Side.of(theirs))
    colours = search.begin({})
    return colours is not None and search.settle(colours, None) is not None


@dataclass(frozen=True)
class _Side:
    """One network, its nodes numbered in order of data flow."""

    nodes: list[str]
    labels: list[Hashable]
    called: list[str]
    """The name that decides; empty for a node without tensors."""
    tensors: list[Hashable]
    sources: list[list[tuple[str, int]]]
    readers: list[list[tuple[str, int]]]

    @classmethod
    def of(cls, graph: Dataflow) -> _Side:
        nodes = list(nx.topological_sort(graph))
        number = {node: i for i, node in enumerate(nodes)}
        sources: list[list[tuple[str, int]]] = [[] for _ in nodes]
        readers: list[list[tuple[str, int]]] = [[] for _ in nodes]
        for source, reader, data in graph.edges(data=True):
            sources[number[reader]].append((data["role"], number[source]))
            readers[number[source]].append((data["role"], number[reader]))
        known = [graph.nodes[node] for node in nodes]
        outputs = set(graph.graph.get("outputs", ()))
        labels: list[Hashable] = [
            (own["label"], not readers[i] or nodes[i] in outputs) for i, own in enumerate(known)
        ]
        return cls(
            nodes,
            labels,
            [own.get("called", "") for own in known],
            [tuple(sorted((own.get("tensors") or {}).items())) for own in known],
            sources,
            readers,
        )

    def edges(self, names: Mapping[int, int] | None = None) -> Counter[tuple[int, int, str]]:
        """Edges between numbers, or what these are mapped to."""
        return Counter(
            (names[source], names[i], role) if names else (source, i, role)
            for i, own in enumerate(self.sources)
            for role, source in own
        )


_Colours = tuple[list[int], list[int]]


@dataclass
class _Search:
    ours: _Side
    theirs: _Side
    refined: int = field(default=0, init=False)

    @property
    def sides(self) -> tuple[_Side, _Side]:
        return self.ours, self.theirs

    def begin(self, pinned: Mapping[str, str]) -> _Colours | None:
        numbers: dict[Hashable, int] = {}
        first = tuple([_number(label, numbers) for label in side.labels] for side in self.sides)
        colours = (first[0], first[1])
        pairs = [(self.ours.nodes.index(a), self.theirs.nodes.index(b)) for a, b in pinned.items()]
        return self.pair(colours, pairs)

    def pair(self, colours: _Colours, pairs: Sequence[tuple[int, int]]) -> _Colours | None:
        """Refined colours with each of the pairs alone in a new one; None if they do not agree."""
        a, b = list(colours[0]), list(colours[1])
        if any(a[i] != b[j] for i, j in pairs):
            return None
        for new, (i, j) in enumerate(pairs, 1 + max(*a, *b)):
            a[i] = b[j] = new
        return self.refine((a, b))

    def refine(self, colours: _Colours) -> _Colours | None:
        """Colours of which each says as much as all that its nodes are joined to."""
        self.refined += 1
        if self.refined > _MOST:
            raise TooSymmetric
        count = 0
        while True:
            numbers: dict[Hashable, int] = {}
            swept = [
                _swept(side.readers, _swept(side.sources, own, numbers), numbers, backward=True)
                for side, own in zip(self.sides, colours, strict=True)
            ]
            colours = (swept[0], swept[1])
            if Counter(colours[0]) != Counter(colours[1]):
                return None
            if len(set(colours[0])) == count:
                return colours
            count = len(set(colours[0]))

    def settle(self, colours: _Colours, choices: list[Choice] | None) -> dict[int, int] | None:
        """A whole isomorphism that the colours allow; what names have decided goes to `choices`.

        Without `choices` any isomorphism will do.
        """
        own, other = (_classes(side) for side in colours)
        open_ = [colour for colour, members in own.items() if len(members) > 1]
        if not open_:
            found = {members[0]: other[colour][0] for colour, members in own.items()}
            return found if self.ours.edges(found) == self.theirs.edges() else None
        weighted = [c for c in open_ if choices is not None and self._matters(other[c])]
        colour = min(weighted or open_, key=lambda c: own[c][0])
        if not weighted:
            return next(self._any(colours, own[colour][0], other[colour], choices), None)
        assert choices is not None
        return self._decided(colours, own[colour], other[colour], choices)

    def _matters(self, members: Sequence[int]) -> bool:
        """Whether it changes a tensor, which of these operators is which."""
        return len({self.theirs.tensors[i] for i in members}) > 1

    def _any(
        self, colours: _Colours, i: int, others: Sequence[int], choices: list[Choice] | None
    ) -> Iterator[dict[int, int]]:
        for j in others:
            paired = self.pair(colours, [(i, j)])
            found = None if paired is None else self.settle(paired, choices)
            if found is not None:
                yield found

    def _decided(
        self, colours: _Colours, own: list[int], other: list[int], choices: list[Choice]
    ) -> dict[int, int] | None:
        ours = [self.ours.called[i] for i in own]
        theirs = [self.theirs.called[j] for j in other]
        decision = decide(ours, theirs)
        if decision is not None:
            number = dict(zip(ours, own, strict=True)), dict(zip(theirs, other, strict=True))
            pairs = [(number[0][a], number[1][b]) for a, b in decision.pairs]
            paired = self.pair(colours, pairs)
            more = [*choices, Choice(tuple(ours), tuple(theirs), decision)]
            found = None if paired is None else self.settle(paired, more)
            if found is not None:
                choices[:] = more
                return found
        # What refinement cannot tell apart need not be alike: it may be that one of them fits.
        fits = [j for j in other if next(self._any(colours, own[0], [j], None), None)]
        if len(fits) > 1:
            raise Undecided(ours, theirs)
        return next(self._any(colours, own[0], fits, choices), None)


def _classes(colours: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for i, colour in enumerate(colours):
        found.setdefault(colour, []).append(i)
    return found


def _swept(
    joined: Sequence[Sequence[tuple[str, int]]],
    colours: Sequence[int],
    numbers: dict[Hashable, int],
    backward: bool = False,
) -> list[int]:
    """Each colour with the new colours of all that is joined to its node on one side."""
    new = [0] * len(colours)
    places = range(len(colours))
    for i in reversed(places) if backward else places:
        around = sorted((role, new[j]) for role, j in joined[i])
        new[i] = _number((backward, colours[i], *around), numbers)
    return new


def _number(key: Hashable, numbers: dict[Hashable, int]) -> int:
    return numbers.setdefault(key, len(numbers))
