"""T + T·M, written as a product and a sum, is the gate (1 + M)·T."""

from __future__ import annotations

import networkx as nx

from archcompiler.ops.join import Add, Gate, Mul
from archcompiler.verify.isomorphism import Dataflow

_GATE = Gate("residual")


def with_gates(view: Dataflow) -> Dataflow:
    """A view with a gate for each sum of a map and its product, if nothing else reads that."""
    products = {node: found for node in view if (found := _gated(view, node)) is not None}
    if not products:
        return view
    left_out = {product for product, _, _ in products.values()}
    kept: Dataflow = nx.MultiDiGraph(**view.graph)
    for node, data in view.nodes(data=True):
        if node in left_out:
            continue
        if node not in products:
            kept.add_node(node, **data)
            kept.add_edges_from((s, node, edge) for s, _, edge in view.in_edges(node, data=True))
            continue
        _, trunk, mask = products[node]
        label = (_GATE.kind, _GATE.attributes(), data["label"][2])
        kept.add_node(node, **{**data, "op": _GATE, "label": label})
        for source, role in zip((trunk, mask), _GATE.roles(2), strict=True):
            kept.add_edge(source, node, role=role)
    return kept


def _gated(view: Dataflow, node: str) -> tuple[str, str, str] | None:
    """The product, the trunk and the mask, if a node is a sum that is a gate."""
    if not isinstance(view.nodes[node]["op"], Add):
        return None
    terms = [source for source, _ in view.in_edges(node)]
    if len(terms) != 2:
        return None
    for trunk, product in (terms, terms[::-1]):
        alone = view.out_degree(product) == 1 and product not in view.graph.get("outputs", ())
        if isinstance(view.nodes[product]["op"], Mul) and alone:
            factors = [source for source, _ in view.in_edges(product)]
            # A gate has the shape of its trunk: one that is spread over the mask is none.
            spread = view.nodes[trunk]["label"][2] != view.nodes[node]["label"][2]
            if trunk in factors and not spread:
                factors.remove(trunk)
                return product, trunk, factors[0]
    return None
