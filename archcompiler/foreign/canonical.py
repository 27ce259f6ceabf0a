"""What a network computes at one size, however it is written."""

from __future__ import annotations

from typing import Any

import networkx as nx

from archcompiler.foreign.activations import with_activations_read
from archcompiler.foreign.equal_parts import with_equal_parts
from archcompiler.foreign.sums import with_sums_read
from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator
from archcompiler.ops.channelwise import Affine, Gain, LayerScale
from archcompiler.ops.conv_transpose import ConvTranspose
from archcompiler.ops.join import Concat, Mul
from archcompiler.ops.norm import BatchNorm
from archcompiler.ops.pool import AvgPool, MaxPool
from archcompiler.ops.reduce import Reduce
from archcompiler.ops.resize import Interpolate, Upsample
from archcompiler.ops.sides import spread
from archcompiler.ops.split import Part
from archcompiler.ops.whole_pool import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    GlobalAvgPool,
    GlobalMaxPool,
)
from archcompiler.verify.isomorphism import Dataflow

Attributes = tuple[tuple[str, object], ...]


def canonical(view: Dataflow, *, inference: bool = False) -> Dataflow:
    """A view whose labels are alike where networks are, at the size that it was taken at.

    Which map gives an interpolation its size is left aside, and a resampling by a factor is one to
    the size that it leads to. T + T·M is a gate, X + Y·(-1) a difference, X·sigmoid(X) the SiLU,
    and a mean, a maximum or a pool over the whole map the pool of all positions. The factors of a
    product may change places. A concatenation reads the parts of one before it; one of a single map
    is left out, as is a pool to the size that there is. A part of a map is one, however often it is
    taken, and several that follow one another are each by itself. What learnt factors are before
    training is no part of what is computed. For `inference`, what does nothing then is left out,
    and so is the momentum of a batch norm. Nodes keep their names and all that is known of them.
    """
    view = with_activations_read(with_sums_read(with_equal_parts(view)))
    kept: Dataflow = nx.MultiDiGraph(**view.graph)
    alias: dict[str, str] = {}
    parts: dict[tuple[Operator, str], str] = {}
    for node in view:  # Graphs and traces have their nodes in order of data flow.
        data = view.nodes[node]
        edges = [
            (source, edge["role"])
            for source, _, edge in view.in_edges(node, data=True)
            if edge["role"] != "size"
        ]
        op: Operator | None = data["op"]
        before = [view.nodes[source]["label"][2] for source, _ in edges]
        if op is not None and len(edges) == 1 and _idle(op, before[0], inference):
            source = edges[0][0]
            alias[node] = alias.get(source, source)
            continue
        if isinstance(op, Part):
            source = alias.get(edges[0][0], edges[0][0])
            first = parts.setdefault((op, source), node)
            if first != node:
                alias[node] = first
                continue
        label = data["label"] if op is None else (*_said(op, before, inference), data["label"][2])
        kept.add_node(node, **{**data, "label": label})
        joined = [(alias.get(source, source), role) for source, role in edges]
        if isinstance(op, Concat):
            read = _parts(kept, op, joined)
            joined = list(zip(read, op.roles(len(read)), strict=True))
        if isinstance(op, Mul):
            joined = [(source, "factor") for source, _ in joined]
        kept.add_edges_from((source, node, {"role": role}) for source, role in joined)
    outputs = view.graph.get("outputs", ())
    kept.graph["outputs"] = tuple(alias.get(name, name) for name in outputs)
    taken_apart = [n for n in kept if isinstance(kept.nodes[n]["op"], Concat) and n not in outputs]
    for node in reversed(taken_apart):
        if not kept.out_degree(node) and view.out_degree(node):
            kept.remove_node(node)
    return kept


def _position(role: str) -> int:
    """The place of a part, from its role: `part12`."""
    return int(role.removeprefix("part"))


def _parts(kept: Dataflow, op: Concat, joined: list[tuple[str, str]]) -> list[str]:
    """What a concatenation reads in order, with the parts of those of its kind in their places."""
    parts: list[str] = []
    for source, _ in sorted(joined, key=lambda edge: _position(edge[1])):
        if kept.nodes[source]["op"] == op:
            own = [(s, edge["role"]) for s, _, edge in kept.in_edges(source, data=True)]
            parts += [s for s, _ in sorted(own, key=lambda edge: _position(edge[1]))]
        else:
            parts.append(source)
    return parts


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
        case ConvTranspose():
            return op.kind, tuple(pair for pair in op.attributes() if pair[0] != "output_padding")
        case LayerScale(channels=1):
            return Gain.kind, ()
        case LayerScale() | Gain() | Affine():
            return op.kind, tuple(pair for pair in op.attributes() if pair[0] != "init")
        case BatchNorm() if inference:
            return op.kind, tuple(pair for pair in op.attributes() if pair[0] != "momentum")
    return op.kind, op.attributes()


def _idle(op: Operator, x: TensorType, inference: bool) -> bool:
    """Whether an operator gives its input as it is."""
    if isinstance(op, AdaptiveAvgPool | AdaptiveMaxPool):
        return spread(op.size, len(x.size)) == x.size
    return isinstance(op, Concat) or (inference and op.inference is None)


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
