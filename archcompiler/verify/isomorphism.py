"""Isomorphism of labelled dataflow graphs, shown with networkx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import TypeAlias

import networkx as nx

Dataflow: TypeAlias = "nx.MultiDiGraph[str]"
"""Nodes have a hashable `label`; edges have a `role`."""


def isomorphism(a: Dataflow, b: Dataflow) -> dict[str, str] | None:
    """A bijection from `a` to `b` that keeps labels, edges and roles, or None.

    Each node is first coloured by its label and everything before and after it, which leaves
    VF2++ almost nothing to search in deep networks. It does not know roles, so an edge into a node
    that tells its inputs apart becomes a node of its own, of a colour for its role. The bijection
    that it finds is then checked edge by edge.
    """
    colours: dict[Hashable, int] = {}
    ours, theirs = (_with_roles(graph, _coloured(graph, colours), colours) for graph in (a, b))
    found = nx.vf2pp_isomorphism(ours, theirs, node_label="colour")
    if found is None:
        return None
    mapping: dict[str, str] = {node: found[node] for node in a}
    return mapping if _keeps_roles(a, b, mapping) else None


def first_difference(a: Dataflow, b: Dataflow) -> str | None:
    """The first node of `a`, in order of data flow, that no node of `b` is like so far."""
    colours: dict[Hashable, int] = {}
    before = _colours_before(a, colours)
    seen = Counter(_colours_before(b, colours).values())
    for node in nx.topological_sort(a):
        if seen[before[node]] == 0:
            return str(node)
        seen[before[node]] -= 1
    return None


def _coloured(graph: Dataflow, colours: dict[Hashable, int]) -> dict[str, int]:
    before = _colours_before(graph, colours)
    after: dict[str, int] = {}
    for node in reversed(list(nx.topological_sort(graph))):
        readers = sorted(
            (data["role"], after[reader]) for _, reader, data in graph.out_edges(node, data=True)
        )
        after[node] = _number(("after", before[node], *readers), colours)
    return after


def _with_roles(
    graph: Dataflow, colour: dict[str, int], colours: dict[Hashable, int]
) -> nx.MultiDiGraph[Hashable]:
    """The graph with colours, and with nodes for those of its edges whose roles matter."""
    view: nx.MultiDiGraph[Hashable] = nx.MultiDiGraph()
    for node in graph:
        view.add_node(node, colour=colour[node])
    for node in graph:
        edges = [(u, data["role"]) for u, _, data in graph.in_edges(node, data=True)]
        alike = len({role for _, role in edges}) == 1
        for i, (source, role) in enumerate(edges):
            if alike:
                view.add_edge(source, node)
            else:
                between = node, i
                view.add_node(between, colour=_number(("role", role, colour[node]), colours))
                view.add_edge(source, between)
                view.add_edge(between, node)
    return view


def _colours_before(graph: Dataflow, colours: dict[Hashable, int]) -> dict[str, int]:
    """Number each node by its label and all that flows into it, the same in every graph."""
    before: dict[str, int] = {}
    for node in nx.topological_sort(graph):
        sources = sorted(
            (data["role"], before[source]) for source, _, data in graph.in_edges(node, data=True)
        )
        before[node] = _number(("before", graph.nodes[node]["label"], *sources), colours)
    return before


def _number(key: Hashable, colours: dict[Hashable, int]) -> int:
    return colours.setdefault(key, len(colours))


def _keeps_roles(a: Dataflow, b: Dataflow, mapping: dict[str, str]) -> bool:
    def edges(graph: Dataflow, names: dict[str, str] | None) -> Counter[tuple[str, str, str]]:
        return Counter(
            (names[u], names[v], data["role"]) if names else (u, v, data["role"])
            for u, v, data in graph.edges(data=True)
        )

    return edges(a, mapping) == edges(b, None)
