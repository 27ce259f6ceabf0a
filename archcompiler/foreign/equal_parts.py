"""Several parts of a map that follow one another, as each of them and a concatenation."""

from __future__ import annotations

from math import gcd

import networkx as nx

from archcompiler.ir import TensorType
from archcompiler.ops.join import Concat
from archcompiler.ops.split import Part
from archcompiler.verify.isomorphism import Dataflow


def with_equal_parts(view: Dataflow) -> Dataflow:
    """The view, in which every part of a map is one of as many as there need to be.

    That is how slices of unequal sizes are read: the last three of four, and not of eight the last
    six. The concatenation has the name of what it stands for.
    """
    several = [n for n in view if isinstance(op := view.nodes[n]["op"], Part) and op.count > 1]
    if not several:
        return view
    found: Dataflow = nx.MultiDiGraph(**view.graph)
    for node in view:
        data = view.nodes[node]
        edges = [(source, data["role"]) for source, _, data in view.in_edges(node, data=True)]
        if node in several:
            op, kind = data["op"], data["label"][2]
            each = gcd(op.index, op.count, op.of)
            first, count, of = op.index // each, op.count // each, op.of // each
            parts = [Part(first + i, of) for i in range(count)]
            own = TensorType(kind.channels // count, *kind.size)
            names = [f"{node}[{part.index}]" for part in parts]
            for name, part in zip(names, parts, strict=True):
                label = (part.kind, part.attributes(), own)
                found.add_node(name, **{**data, "op": part, "label": label})
                found.add_edges_from((source, name, {"role": role}) for source, role in edges)
            join = Concat()
            data = {**data, "op": join, "label": (join.kind, join.attributes(), kind)}
            edges = [*zip(names, join.roles(count), strict=True)]
        found.add_node(node, **data)
        found.add_edges_from((source, node, {"role": role}) for source, role in edges)
    return found
