"""The first place where two networks part, in the order of the computation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from archcompiler.backends.torch.tracer import Line
from archcompiler.foreign.canonical import words
from archcompiler.ir import INPUT
from archcompiler.verify.isomorphism import Dataflow


@dataclass(frozen=True)
class Operation:
    """One operator of either network."""

    name: str
    """A path of the graph, or the name of a submodule or of a call."""
    said: str
    """The operator, its hyper-parameters and the shape of its result."""
    line: Line | None = None
    """Of their file."""
    reads: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """`model.py:83 (layer1.0.conv1)`, or the path alone."""
        if self.line is None:
            return self.name
        file = self.line.file.replace("\\", "/").rpartition("/")[2]
        return f"{file}:{self.line.number} ({self.name})"

    def __str__(self) -> str:
        return f"{self.place}: {self.said}"


@dataclass(frozen=True)
class Difference:
    """Where two networks part: what either has there, None where it has nothing more."""

    theirs: Operation | None
    ours: Operation | None


def first_difference(ours: Dataflow, theirs: Dataflow) -> Difference | None:
    """Where the networks part first. None if they are alike as far as data flow down to results.

    That is the first operator of theirs that no operator of ours is like so far, beside the one of
    ours that reads the same, or else the first that theirs has none like.
    """
    numbers: dict[Hashable, int] = {}
    before = [colours_before(graph, numbers) for graph in (ours, theirs)]
    left = [_unmatched(before[0], before[1]), _unmatched(before[1], before[0])]
    if not left[0] and not left[1]:
        return None
    theirs_first = next(iter(left[1]), None)
    beside = left[0]
    if theirs_first is not None:
        wanted = _sources(theirs, theirs_first, before[1])
        own = {node: _sources(ours, node, before[0]) for node in left[0]}
        # Those that read the same come first, then those that read a part of it.
        beside = sorted(left[0], key=lambda node: (own[node] != wanted, not own[node] & wanted))
    ours_first = next(iter(beside), None)
    return Difference(
        None if theirs_first is None else operation(theirs, theirs_first),
        None if ours_first is None else operation(ours, ours_first),
    )


def operation(graph: Dataflow, node: str) -> Operation:
    """What a node is, for people."""
    data = graph.nodes[node]
    reads = [source for source, _ in graph.in_edges(node)]
    return Operation(
        data.get("called") or node,
        words(data["label"]),
        data.get("line"),
        tuple("the input" if source == INPUT else source for source in reads),
    )


def colours_before(graph: Dataflow, numbers: dict[Hashable, int]) -> dict[str, int]:
    """Number each node by its label and all that flows into it, the same in every graph.

    Nodes have to be in order of data flow, as `canonical` has them.
    """
    before: dict[str, int] = {}
    for node in graph:
        edges = graph.in_edges(node, data=True)
        sources = sorted((edge["role"], before[source]) for source, _, edge in edges)
        key = (graph.nodes[node]["label"], *sources)
        before[node] = numbers.setdefault(key, len(numbers))
    return before


def _unmatched(own: dict[str, int], others: dict[str, int]) -> Sequence[str]:
    left = Counter(others.values())
    found = []
    for node, colour in own.items():
        if left[colour]:
            left[colour] -= 1
        else:
            found.append(node)
    return found


def _sources(graph: Dataflow, node: str, colours: dict[str, int]) -> Counter[int]:
    return Counter(colours[source] for source, _ in graph.in_edges(node))
