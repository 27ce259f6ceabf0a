"""Sums that are another operator: T + T·M is the gate (1 + M)·T, and X + Y·(-1) is X - Y."""

from __future__ import annotations

from typing import NamedTuple

import networkx as nx

from archcompiler.ops.arithmetic import Sub
from archcompiler.ops.base import Operator
from archcompiler.ops.channelwise import Scale
from archcompiler.ops.join import Add, Gate, Mul
from archcompiler.verify.isomorphism import Dataflow


class _Read(NamedTuple):
    """A sum and one of its terms as one operator."""

    op: Operator
    inputs: tuple[str, str]
    term: str
    """Which is read by nothing else."""


def with_sums_read(view: Dataflow) -> Dataflow:
    """A view with another operator in place of each sum, and the term of it, that is one."""
    found = {node: read for node in view if (read := _read(view, node)) is not None}
    if not found:
        return view
    left_out = {read.term for read in found.values()}
    kept: Dataflow = nx.MultiDiGraph(**view.graph)
    for node, data in view.nodes(data=True):
        if node in left_out:
            continue
        if node not in found:
            kept.add_node(node, **data)
            kept.add_edges_from((s, node, edge) for s, _, edge in view.in_edges(node, data=True))
            continue
        op = found[node].op
        label = (op.kind, op.attributes(), data["label"][2])
        kept.add_node(node, **{**data, "op": op, "label": label})
        for source, role in zip(found[node].inputs, op.roles(2), strict=True):
            kept.add_edge(source, node, role=role)
    return kept


def _read(view: Dataflow, node: str) -> _Read | None:
    """What a sum of two is; of two negatives it is left open which is subtracted."""
    terms = [source for source, _ in view.in_edges(node)]
    if not isinstance(view.nodes[node]["op"], Add) or len(terms) != 2:
        return None
    pairs = [(other, term) for other, term in (terms, terms[::-1]) if _is_alone(view, term)]
    for trunk, product in pairs:
        factors = [source for source, _ in view.in_edges(product)]
        # A gate has the shape of its trunk: one that is spread over the mask is none.
        spread = view.nodes[trunk]["label"][2] != view.nodes[node]["label"][2]
        if isinstance(view.nodes[product]["op"], Mul) and trunk in factors and not spread:
            factors.remove(trunk)
            return _Read(Gate("residual"), (trunk, factors[0]), product)
    negatives = [pair for pair in pairs if view.nodes[pair[1]]["op"] == Scale(-1)]
    if len(negatives) != 1:
        return None
    minuend, negative = negatives[0]
    (subtrahend,) = view.predecessors(negative)
    return _Read(Sub(), (minuend, subtrahend), negative)


def _is_alone(view: Dataflow, node: str) -> bool:
    """Whether a map has one reader, and is no output."""
    return view.out_degree(node) == 1 and node not in view.graph.get("outputs", ())
