"""X + Y·(-1), written as a sum, is the difference X - Y."""

from __future__ import annotations

import networkx as nx

from archcompiler.ops.arithmetic import Sub
from archcompiler.ops.channelwise import Scale
from archcompiler.ops.join import Add
from archcompiler.verify.isomorphism import Dataflow

_SUB = Sub()


def with_differences(view: Dataflow) -> Dataflow:
    """A view with a difference for each sum of a map and a negative, if nothing else reads that."""
    found = {node: terms for node in view if (terms := _difference(view, node)) is not None}
    if not found:
        return view
    left_out = {negative for _, negative in found.values()}
    kept: Dataflow = nx.MultiDiGraph(**view.graph)
    for node, data in view.nodes(data=True):
        if node in left_out:
            continue
        if node not in found:
            kept.add_node(node, **data)
            kept.add_edges_from((s, node, edge) for s, _, edge in view.in_edges(node, data=True))
            continue
        minuend, negative = found[node]
        (subtrahend,) = view.predecessors(negative)
        label = (_SUB.kind, _SUB.attributes(), data["label"][2])
        kept.add_node(node, **{**data, "op": _SUB, "label": label})
        for source, role in zip((minuend, subtrahend), _SUB.roles(2), strict=True):
            kept.add_edge(source, node, role=role)
    return kept


def _difference(view: Dataflow, node: str) -> tuple[str, str] | None:
    """What is subtracted from, and the negative that is added to it."""
    terms = [source for source, _ in view.in_edges(node)]
    if not isinstance(view.nodes[node]["op"], Add) or len(terms) != 2:
        return None
    negatives = [term for term in terms if _is_negative(view, term)]
    if len(negatives) != 1:
        return None
    terms.remove(negatives[0])
    return terms[0], negatives[0]


def _is_negative(view: Dataflow, node: str) -> bool:
    """Whether a map is the negative of another, for one reader alone."""
    alone = view.out_degree(node) == 1 and node not in view.graph.get("outputs", ())
    return alone and view.nodes[node]["op"] == Scale(-1)
