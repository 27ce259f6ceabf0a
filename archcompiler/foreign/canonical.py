"""What a network computes at one size, however it is written."""

from __future__ import annotations

from typing import Any

import networkx as nx

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator
from archcompiler.ops.norm import BatchNorm
from archcompiler.ops.pool import AvgPool, MaxPool
from archcompiler.ops.reduce import Reduce
from archcompiler.ops.resize import Interpolate, Upsample
from archcompiler.ops.sides import spread
from archcompiler.ops.whole_pool import GlobalAvgPool, GlobalMaxPool
from archcompiler.verify.isomorphism import Dataflow

Attributes = tuple[tuple[str, object], ...]


def canonical(view: Dataflow, *, inference: bool = False) -> Dataflow:
    """A view whose labels are alike where networks are, at the size that it was taken at.

    Which map gives an interpolation its size is left aside, a resampling by a factor is one to the
    size that it leads to, and a mean, a maximum or a pool over the whole map is the pool of all
    positions. For `inference`, what does nothing then is left out, and so is the momentum of a
    batch norm. Nodes keep their names and all that is known of them.
    """
    kept: Dataflow = nx.MultiDiGraph(**view.graph)
    alias: dict[str, str] = {}
    for node in view:  # Graphs and traces have their nodes in order of data flow.
        data = view.nodes[node]
        edges = [
            (source, edge["role"])
            for source, _, edge in view.in_edges(node, data=True)
            if edge["role"] != "size"
        ]
        op: Operator | None = data["op"]
        if inference and op is not None and op.inference is None and len(edges) == 1:
            source = edges[0][0]
            alias[node] = alias.get(source, source)
            continue
        before = [view.nodes[source]["label"][2] for source, _ in edges]
        label = data["label"] if op is None else (*_said(op, before, inference), data["label"][2])
        kept.add_node(node, **{**data, "label": label})
        for source, role in edges:
            kept.add_edge(alias.get(source, source), node, role=role)
    outputs = view.graph.get("outputs", ())
    kept.graph["outputs"] = tuple(alias.get(name, name) for name in outputs)
    return kept


def _said(op: Operator, inputs: list[TensorType], inference: bool) -> tuple[str, Attributes]:
    """The kind of an operator and its attributes, as they are compared."""
    match op:
        case Interpolate() | Upsample():
            corners = op.align_corners and op.mode != "nearest"
            return "interpolate", (("mode", op.mode), ("align_corners", corners))
        case MaxPool() | AvgPool() if _whole(op, inputs[0]):
            pool = GlobalAvgPool if isinstance(op, AvgPool) else GlobalMaxPool
            return pool.kind, ()
        case Reduce(how="mean", axis="positions"):
            return GlobalAvgPool.kind, ()
        case Reduce(how="max", axis="positions"):
            return GlobalMaxPool.kind, ()
        case BatchNorm() if inference:
            return op.kind, tuple(pair for pair in op.attributes() if pair[0] != "momentum")
    return op.kind, op.attributes()


def _whole(pool: MaxPool | AvgPool, x: TensorType) -> bool:
    """Whether a pool has one window, which is the whole map."""
    dims = len(x.size)
    return spread(pool.kernel, dims) == x.size and not any(spread(pool.padding, dims))


def words(label: tuple[Any, ...]) -> str:
    """A label as a person reads it: `max_pool kernel=3 stride=2 → 64×56×56`."""
    kind, attributes, type = label
    if kind == "unknown":
        return f"{dict(attributes)['what']} → {type or 'no map'}"
    options = " ".join(f"{key}={value}" for key, value in attributes if key != "dims")
    return f"{kind} {options} → {type}".replace("  ", " ")
