"""Batch norms that are part of the layer before them, as exporters for inference leave them."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from archcompiler.ops.conv import Conv
from archcompiler.ops.linear import Linear
from archcompiler.ops.norm import BatchNorm
from archcompiler.verify.isomorphism import Dataflow


def lacks_norms(own: Dataflow, other: Dataflow) -> bool:
    """Whether another network has fewer batch norms: some may be folded into other layers."""
    return _norms(other) < _norms(own)


def with_folded_norms(view: Dataflow) -> Dataflow:
    """A canonical view without the batch norms whose input is a layer's that nothing else reads.

    In inference they are part of its weights and of its bias, which it then has.
    """
    folded = {node: layer for node in view if (layer := _layer(view, node)) is not None}
    layers = set(folded.values())
    kept: Dataflow = nx.MultiDiGraph(**view.graph)
    for node, data in view.nodes(data=True):
        if node in folded:
            continue
        if node in layers:
            op = replace(data["op"], bias=True)
            data = {**data, "op": op, "label": (op.kind, op.attributes(), data["label"][2])}
        kept.add_node(node, **data)
        for source, _, edge in view.in_edges(node, data=True):
            kept.add_edge(folded.get(source, source), node, **edge)
    outputs = view.graph.get("outputs", ())
    kept.graph["outputs"] = tuple(folded.get(name, name) for name in outputs)
    return kept


def _layer(view: Dataflow, node: str) -> str | None:
    """The layer that a batch norm can be folded into."""
    if not isinstance(view.nodes[node]["op"], BatchNorm):
        return None
    (layer,) = view.predecessors(node)
    alone = view.out_degree(layer) == 1 and layer not in view.graph.get("outputs", ())
    return layer if alone and isinstance(view.nodes[layer]["op"], Conv | Linear) else None


def _norms(view: Dataflow) -> int:
    return sum(1 for node in view if isinstance(view.nodes[node]["op"], BatchNorm))
