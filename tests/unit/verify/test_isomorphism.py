"""Isomorphism of labelled graphs with roles, against a trial of every bijection."""

from __future__ import annotations

import random
from collections import Counter
from itertools import permutations

import networkx as nx
import pytest

from archcompiler.verify.isomorphism import Dataflow, first_difference, isomorphism


def crossed(width: int, layers: int, step: int) -> Dataflow:
    """Layers of operators that are alike; each reads two before it, of which one is the left."""
    graph: Dataflow = nx.MultiDiGraph()
    graph.add_node("x", label="input")
    before = ["x"] * width
    for layer in range(layers):
        nodes = [f"{layer}.{i}" for i in range(width)]
        for i, node in enumerate(nodes):
            graph.add_node(node, label=f"operator {layer}")
            graph.add_edge(before[i], node, role="left")
            graph.add_edge(before[(i + step) % width], node, role="right")
        before = nodes
    graph.add_node("sum", label="add")
    graph.add_edges_from((node, "sum", {"role": "data"}) for node in before)
    return graph


def shuffled(graph: Dataflow, draw: random.Random) -> Dataflow:
    """The same with other names, in another order."""
    names = dict(zip(graph, draw.sample(range(len(graph)), len(graph)), strict=True))
    nodes, edges = list(graph.nodes(data="label")), list(graph.edges(data="role"))
    other: Dataflow = nx.MultiDiGraph()
    for node, label in draw.sample(nodes, len(nodes)):
        other.add_node(f"n{names[node]}", label=label)
    for u, v, role in draw.sample(edges, len(edges)):
        other.add_edge(f"n{names[u]}", f"n{names[v]}", role=role)
    return other


def is_kept(a: Dataflow, b: Dataflow, mapping: dict[str, str]) -> bool:
    """Whether a mapping keeps labels, and edges with their roles."""
    edges = Counter((mapping[u], mapping[v], role) for u, v, role in a.edges(data="role"))
    labels = {mapping[node]: label for node, label in a.nodes(data="label")}
    return edges == Counter(b.edges(data="role")) and labels == dict(b.nodes(data="label"))


def are_isomorphic(a: Dataflow, b: Dataflow) -> bool:
    """By every bijection."""
    orders = permutations(b) if len(a) == len(b) else ()
    return any(is_kept(a, b, dict(zip(a, order, strict=True))) for order in orders)


@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("layers", [2, 3])
def test_of_many_symmetries_one_with_the_right_roles_is_found(width: int, layers: int) -> None:
    for seed in range(20):
        draw = random.Random(seed)
        graph = crossed(width, layers, draw.randint(1, width - 1))
        other = shuffled(graph, draw)
        found = isomorphism(graph, other)
        assert found is not None
        assert is_kept(graph, other, found)


def drawn(draw: random.Random) -> Dataflow:
    """A graph of five nodes, few labels and two roles, in which a node may read another twice."""
    graph: Dataflow = nx.MultiDiGraph()
    for i in range(5):
        graph.add_node(f"{i}", label=draw.choice("ab") if i else "input")
        for _ in range(draw.randint(1, 2) if i else 0):
            graph.add_edge(f"{draw.randrange(i)}", f"{i}", role=draw.choice(("left", "right")))
    return graph


def test_what_is_isomorphic_is_what_any_bijection_keeps() -> None:
    seen = Counter[bool]()
    for seed in range(100):
        draw = random.Random(seed)
        graph = drawn(draw)
        other = shuffled(graph, draw)
        # One that differs in one role, which a symmetry may make up for.
        edge = draw.choice(list(other.edges(keys=True)))
        other.edges[edge]["role"] = draw.choice(("left", "right"))
        found = isomorphism(graph, other)
        assert (found is not None) == are_isomorphic(graph, other)
        assert found is None or is_kept(graph, other, found)
        seen[found is not None] += 1
    assert min(seen.values()) > 15


def test_what_differs_first_is_the_first_in_the_flow() -> None:
    draw = random.Random(0)
    graph = crossed(3, 3, 1)
    other = shuffled(graph, draw)
    assert first_difference(graph, other) is None
    changed = graph.copy()
    changed.nodes["1.2"]["label"] = "another"
    assert first_difference(changed, other) == "1.2"
    # There are three of them in the graph, and two in the changed one.
    first = first_difference(other, changed)
    assert other.nodes[first]["label"] == "operator 1"
