"""Isomorphisms against networkx, and choices against all isomorphisms that there are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import networkx as nx
import pytest

from archcompiler.foreign.matching import Undecided, correspond
from archcompiler.foreign.names import decide

Graph = Any


def drawn(seed: int) -> Graph:
    """A small network of few labels with twins in it, so that much is alike; most has tensors."""
    draw = random.Random(seed)
    graph: Graph = nx.MultiDiGraph()
    for i in range(draw.randint(3, 8)):
        name, twin = f"n{i}", f"n{draw.randrange(1, i)}" if i > 1 else ""
        if twin and draw.random() < 0.5:
            label = graph.nodes[twin]["label"]
            edges = [(source, role) for source, _, role in graph.in_edges(twin, data="role")]
        else:
            label = (draw.choice("ab"), draw.random() < 0.8) if i else ("input", False)
            sources = [f"n{draw.randrange(i)}" for _ in range(draw.choice((1, 1, 2)) if i else 0)]
            edges = [(source, draw.choice(("data", "data", "mask"))) for source in sources]
        graph.add_node(name, label=label, called=f"ours.{'xyzuvwpq'[i]}")
        if label[1]:
            graph.nodes[name]["tensors"] = {"weight": name}
        graph.add_edges_from((source, name, {"role": role}) for source, role in edges)
    return graph


def renamed(graph: Graph, seed: int) -> Graph:
    """The same network in another order, with names that say nothing."""
    order = list(graph)
    random.Random(seed).shuffle(order)
    names = {node: f"m{i}" for i, node in enumerate(order)}
    other: Graph = nx.MultiDiGraph()
    for node in order:
        data = {**graph.nodes[node], "called": f"theirs.{'abcdefgh'[int(names[node][1:])]}"}
        if "tensors" in data:
            data["tensors"] = {"weight": names[node]}
        other.add_node(names[node], **data)
    for source, target, role in graph.edges(data="role"):
        other.add_edge(names[source], names[target], role=role)
    return other


def isomorphisms(a: Graph, b: Graph) -> Iterator[dict[str, str]]:
    """All of them, by networkx."""
    matcher = nx.isomorphism.MultiDiGraphMatcher(
        a,
        b,
        node_match=lambda x, y: x["label"] == y["label"],
        edge_match=lambda x, y: (
            sorted(e["role"] for e in x.values()) == sorted(e["role"] for e in y.values())
        ),
    )
    yield from matcher.isomorphisms_iter()


@pytest.mark.parametrize("seed", range(40))
def test_one_is_found_and_a_choice_is_one_where_networkx_finds_several(seed: int) -> None:
    ours = drawn(seed)
    theirs = renamed(ours, seed)
    found = list(isomorphisms(ours, theirs))
    weighted = {node for node in ours if "tensors" in ours.nodes[node]}
    meant = {tuple(sorted((a, b) for a, b in each.items() if a in weighted)) for each in found}
    try:
        correspondence = correspond(ours, theirs)
    except Undecided as undecided:
        assert len(meant) > 1
        # Each of them really may be any.
        names = {data["called"]: node for node, data in ours.nodes(data=True)}
        for name in undecided.ours:
            assert len({each[names[name]] for each in found}) > 1
    else:
        assert correspondence is not None
        assert dict(correspondence.pairs) in found
        assert len(meant) == 1 or correspondence.choices


def test_some_of_those_are_alike_and_some_are_not() -> None:
    several = [len(list(isomorphisms(drawn(seed), drawn(seed)))) > 1 for seed in range(40)]
    assert 10 < sum(several) < 30


@pytest.mark.parametrize("seed", range(40))
def test_networks_that_networkx_tells_apart_have_none(seed: int) -> None:
    ours = drawn(seed)
    theirs = renamed(ours, seed)
    draw = random.Random(seed)
    source, target, key, role = draw.choice(list(theirs.edges(keys=True, data="role")))
    theirs.edges[source, target, key]["role"] = "mask" if role == "data" else "data"
    same = next(isomorphisms(ours, theirs), None) is not None
    try:
        assert (correspond(ours, theirs) is not None) == same
    except Undecided:
        assert same


def branches(names: list[str]) -> Graph:
    """An input, a branch of two layers for each name, and their sum."""
    graph: Graph = nx.MultiDiGraph()
    graph.add_node("x", label="input")
    for name in names:
        for i, source in enumerate(("x", f"{name}.0")):
            node = f"{name}.{i}"
            graph.add_node(node, label=f"conv{i}", called=node, tensors={"weight": node})
            graph.add_edge(source, node, role="data")
    graph.add_node("add", label="add")
    graph.add_edges_from((f"{name}.1", "add", {"role": "data"}) for name in names)
    return graph


def test_names_decide_for_whole_branches() -> None:
    found = correspond(branches(["left", "right"]), branches(["conv_right", "conv_left"]))
    assert found is not None
    assert found.pairs["left.1"] == "conv_left.1"
    assert found.pairs["right.0"] == "conv_right.0"
    (choice,) = found.choices
    assert choice.decision.rule == "by the words that their names share"


def test_what_names_do_not_say_is_refused_unless_it_is_pinned() -> None:
    ours, theirs = branches(["left", "right"]), branches(["a", "b"])
    with pytest.raises(Undecided) as refused:
        correspond(ours, theirs)
    assert set(refused.value.ours) == {"left.0", "right.0"}
    assert set(refused.value.theirs) == {"a.0", "b.0"}
    found = correspond(ours, theirs, {"left.1": "b.1"})
    assert found is not None
    assert (found.pairs["left.0"], found.pairs["right.1"], found.choices) == ("b.0", "a.1", ())


@pytest.mark.parametrize(
    ("ours", "theirs", "pairs"),
    [
        (["a.conv1", "a.conv2"], ["b.0", "b.1"], ["a.conv1=b.0", "a.conv2=b.1"]),
        (["u.conv2", "u.conv10"], ["k.3", "k.4"], ["u.conv2=k.3", "u.conv10=k.4"]),
        (
            ["m.left", "m.right"],
            ["rightC", "leftC"],
            ["m.left=leftC", "m.right=rightC"],
        ),
        (["s1.left.2", "s1.right.1"], ["right", "left"], ["s1.left.2=left", "s1.right.1=right"]),
        (["key", "query"], ["theta", "phi"], None),
        (["key", "query"], ["key", "phi"], None),
        (["a.b", "c.d"], ["a.c", "b.d"], None),
        (["a1.b1", "a2.b2"], ["c.1", "c.2"], ["a1.b1=c.1", "a2.b2=c.2"]),
        (["a1.b2", "a2.b1"], ["c.1", "c.2"], None),
    ],
)
def test_names(ours: list[str], theirs: list[str], pairs: list[str] | None) -> None:
    decision = decide(ours, theirs)
    assert (decision and sorted(f"{a}={b}" for a, b in decision.pairs)) == (pairs and sorted(pairs))
