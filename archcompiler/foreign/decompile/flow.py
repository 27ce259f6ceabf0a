"""A traced network as it is taken apart: operators in order, and what each of them reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import networkx as nx

from archcompiler.foreign.canonical import canonical
from archcompiler.ir import TensorType
from archcompiler.ops.axes import dimension
from archcompiler.ops.base import Operator
from archcompiler.ops.conv_transpose import ConvTranspose
from archcompiler.ops.join import Concat
from archcompiler.ops.split import Take
from archcompiler.verify.isomorphism import Dataflow

RESAMPLED: Final = "interpolate"
"""The kind that all resamplings have, once they are canonical."""
TAKEN: Final = "take"
"""The other kind that has a size from a map."""


class Unsayable(Exception):
    """An operator of the network that no spec can say, and why."""

    def __init__(self, node: str, why: str) -> None:
        super().__init__(node, why)
        self.node, self.why = node, why


@dataclass(frozen=True)
class Flow:
    """One network, canonical, with one input and one output."""

    view: Dataflow
    """Nodes have a `label`, (kind, attributes, type), and their `op`."""
    input: str
    output: str
    whole: Dataflow = field(repr=False)
    """As it was before concatenations were nested: what is compared."""
    targets: Mapping[str, str] = field(default_factory=dict)
    """For what takes the size of a map, that map; a resampling that is missing is by a factor."""

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Nodes in order of data flow."""
        return tuple(self.view)

    @cached_property
    def number(self) -> Mapping[str, int]:
        """The place of each node in that order."""
        return {node: i for i, node in enumerate(self.order)}

    def type(self, node: str) -> TensorType:
        found: TensorType = self.view.nodes[node]["label"][2]
        return found

    def op(self, node: str) -> Operator | None:
        found: Operator | None = self.view.nodes[node]["op"]
        return found

    def kind(self, node: str) -> str:
        return str(self.view.nodes[node]["label"][0])

    @cached_property
    def reads(self) -> Mapping[str, tuple[str, ...]]:
        """What each node reads, in the order in which a step names it; a size comes last."""
        found = {}
        for node in self.view:
            edges = [(edge["role"], s) for s, _, edge in self.view.in_edges(node, data=True)]
            op = self.view.nodes[node]["op"]
            roles = () if op is None else op.roles(len(edges))
            if len(set(roles)) == len(roles) > 1 and all(role in roles for role, _ in edges):
                edges.sort(key=lambda edge: roles.index(edge[0]))
            sources = [source for _, source in edges]
            if node in self.targets:
                sources.append(self.targets[node])
            found[node] = tuple(sources)
        return found

    @cached_property
    def structure(self) -> nx.DiGraph[str]:
        """Who reads whom, sizes included, without roles."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.order)
        graph.add_edges_from((source, node) for node, own in self.reads.items() for source in own)
        return graph


def as_flow(view: Dataflow) -> Flow:
    """What a network computes for its one output, in canonical form and cut free of all else.

    Raises Unsayable for more than one input or output, for what is no operator, and for a map that
    has no channels or no pixels.
    """
    if "outputs" not in view.graph:
        # Of a map that is read for its size alone, nothing is read once it is canonical.
        view = view.copy()
        view.graph["outputs"] = tuple(node for node in view if not view.out_degree(node))
    view = canonical(view)
    outputs = list(dict.fromkeys(view.graph["outputs"]))
    inputs = [node for node in view if view.nodes[node]["label"][0] == "input"]
    if len(outputs) > 1:
        raise Unsayable(outputs[1], "is a second output: a spec has one")
    live = {outputs[0], *nx.ancestors(view, outputs[0])}
    read = [node for node in inputs if node in live]
    if len(read) != 1:
        node = read[1] if read else outputs[0]
        raise Unsayable(node, "is a second input: a spec has one" if read else "reads no input")
    for node in view:
        if node in live and node != read[0] and view.nodes[node]["op"] is None:
            attributes = dict(view.nodes[node]["label"][1])
            raise Unsayable(node, str(attributes.get("what", "is no operator")))
        if node in live and node != read[0] and not view.in_degree(node):
            raise Unsayable(node, "reads no input")
        if node in live and 0 in _sides(view, node):
            raise Unsayable(node, "gives a map without a number in it")
    whole = _live(view, live)
    kept = nested(whole)
    bare = Flow(kept, read[0], outputs[0], whole)
    return Flow(kept, read[0], outputs[0], whole, _targets(bare))


def _sides(view: Dataflow, node: str) -> tuple[int, ...]:
    """Channels and size of a map."""
    type: TensorType = view.nodes[node]["label"][2]
    return (type.channels, *type.size)


def _live(view: Dataflow, live: set[str]) -> Dataflow:
    """Some nodes of a view, in order of data flow."""
    order = [node for node in nx.topological_sort(view) if node in live]
    kept: Dataflow = nx.MultiDiGraph()
    for node in sorted(order, key=_written(view, order)):
        kept.add_node(node, **view.nodes[node])
        kept.add_edges_from((s, node, dict(data)) for s, _, data in view.in_edges(node, data=True))
    return kept


def nested(view: Dataflow) -> Dataflow:
    """The same network with a concatenation for the first parts of another, where there is one.

    In a dense stage each unit adds to what it reads; canonical, it joins the parts of all before.
    """
    kept: Dataflow = nx.MultiDiGraph()
    known: dict[tuple[object, ...], str] = {}
    for node, data in view.nodes(data=True):
        kept.add_node(node, **data)
        edges = [(s, edge["role"]) for s, _, edge in view.in_edges(node, data=True)]
        if isinstance(data["op"], Concat):
            order = data["op"].roles(len(edges))
            parts = [s for s, _ in sorted(edges, key=lambda edge: order.index(edge[1]))]
            axis = data["op"].axis
            for count in range(len(parts) - 1, 1, -1):
                first = known.get((axis, *parts[:count]))
                if first is not None:
                    joined = [first, *parts[count:]]
                    edges = list(zip(joined, data["op"].roles(len(joined)), strict=True))
                    break
            known[axis, *parts] = node
        kept.add_edges_from((source, node, {"role": role}) for source, role in edges)
    return kept


def _written(view: Dataflow, order: list[str]) -> Callable[[str], int]:
    """The order of the trace, which is one of data flow already."""
    number = {node: i for i, node in enumerate(view)}
    sound = all(number[s] < number[n] for s, n in view.edges())
    place = number if sound else {node: i for i, node in enumerate(order)}
    return place.__getitem__


def _targets(flow: Flow) -> dict[str, str]:
    """The map that gives a resampling its size: the last that all its data has passed.

    One by a whole factor needs none. Raises Unsayable where no map before it has its size.
    """
    found: dict[str, str] = {}
    dominators = nx.immediate_dominators(flow.structure, flow.input)
    for node in flow.order:
        if flow.kind(node) not in (RESAMPLED, TAKEN) and not _aimed(flow, node):
            continue
        wanted, passed = _size(flow, node, node), node
        while passed != flow.input:
            passed = dominators[passed]
            if _size(flow, node, passed) == wanted:
                found[node] = passed
                break
        else:
            if flow.kind(node) == RESAMPLED and factors(flow, node) is not None:
                continue
            before = flow.order[: flow.number[node]]
            like = [other for other in before if _size(flow, node, other) == wanted]
            if not like:
                raise Unsayable(node, "has a size that no map before it has")
            found[node] = like[-1]
    return found


def _aimed(flow: Flow, node: str) -> bool:
    """Whether a transposed convolution makes another size than it does by itself."""
    op, reads = flow.op(node), flow.reads[node]
    return isinstance(op, ConvTranspose) and op.shape((flow.type(reads[0]),)) != flow.type(node)


def _size(flow: Flow, node: str, map: str) -> tuple[int, ...]:
    """What of the size of a map an operator takes."""
    op, size = flow.op(node), flow.type(map).size
    if not isinstance(op, Take):
        return size
    axis = dimension(op.axis, len(size)) - 2
    return size[axis : axis + 1]


def factors(flow: Flow, node: str) -> tuple[int, ...] | None:
    """Pixels of a resampling over those that it reads, along each axis, where they are whole."""
    source = flow.reads[node][0]
    sides = list(zip(flow.type(node).size, flow.type(source).size, strict=True))
    return tuple(a // b for a, b in sides) if all(a % b == 0 for a, b in sides) else None


class Colours:
    """Numbers for labels and for what is computed of them, the same in every network."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def labels(self, view: Dataflow, nodes: Iterable[str]) -> Counter[int]:
        """How often each label is there."""
        return Counter(self.number(view.nodes[node]["label"]) for node in nodes)

    def key(self, view: Dataflow, nodes: Iterable[str], inputs: Mapping[str, Hashable]) -> Key:
        """What nodes in order of data flow compute of the `inputs`: alike for isomorphic ones."""
        colours: dict[str, int] = {n: self.number(("from", said)) for n, said in inputs.items()}
        last = -1
        own: Counter[int] = Counter()
        for node in nodes:
            read = sorted(
                (data["role"], colours[source])
                for source, _, data in view.in_edges(node, data=True)
            )
            last = self.number((view.nodes[node]["label"], *read))
            colours[node] = last
            own[last] += 1
        return last, frozenset(own.items())


Key = tuple[int, frozenset[tuple[int, int]]]
