"""Operators of a view in place of several that compute the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import networkx as nx

from archcompiler.ops.base import Operator
from archcompiler.verify.isomorphism import Dataflow


class Read(NamedTuple):
    """What a node is, together with others that nothing else reads."""

    op: Operator
    inputs: tuple[str, ...]
    left_out: tuple[str, ...]


def rewritten(view: Dataflow, read: Callable[[Dataflow, str], Read | None]) -> Dataflow:
    """A view with another operator in place of each node that is `read` as one."""
    found = {node: what for node in view if (what := read(view, node)) is not None}
    if not found:
        return view
    left_out = {node for what in found.values() for node in what.left_out}
    kept: Dataflow = nx.MultiDiGraph(**view.graph)
    for node, data in view.nodes(data=True):
        if node in left_out:
            continue
        if node not in found:
            kept.add_node(node, **data)
            kept.add_edges_from((s, node, edge) for s, _, edge in view.in_edges(node, data=True))
            continue
        op, inputs, _ = found[node]
        label = (op.kind, op.attributes(), data["label"][2])
        kept.add_node(node, **{**data, "op": op, "label": label})
        for source, role in zip(inputs, op.roles(len(inputs)), strict=True):
            kept.add_edge(source, node, role=role)
    return kept


def is_alone(view: Dataflow, node: str) -> bool:
    """Whether a map has one reader, and is no output."""
    return view.out_degree(node) == 1 and node not in view.graph.get("outputs", ())
