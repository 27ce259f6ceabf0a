"""What a trace of any framework is compared with: structure, names and parameters of the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import networkx as nx

from archcompiler.backends.reading import UnknownOperation
from archcompiler.ir import INPUT, Block, Graph, TensorType
from archcompiler.ops.base import Operator
from archcompiler.verify.isomorphism import Dataflow, first_difference, isomorphism

_Typed = tuple[str, TensorType]
"""A node and its type."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What verification showed. `differences` is empty if the module is the graph."""

    name: str
    operators: int
    parameters: int
    differences: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.differences

    def __str__(self) -> str:
        if self.holds:
            return (
                f"{self.name}: the emitted module is the checked graph "
                f"({self.operators:,} operators, {self.parameters:,} parameters)"
            )
        lines = [f"{self.name}: the emitted module is NOT the checked graph"]
        return "\n".join(lines + [f"  - {difference}" for difference in self.differences])


def compared(
    graph: Graph,
    traced: Callable[[], Dataflow],
    parameters: Mapping[str, int],
    merged: Callable[[Operator], Operator] | None = None,
    *,
    buffers: Mapping[str, int] | None = None,
) -> Proof:
    """Whether a trace is isomorphic to the graph.

    Operators, hyper-parameters, shapes and the roles of edges are labels; submodules must be
    named by the paths of the graph; `parameters`, and `buffers` where they are given, are elements
    by the paths of modules and must be equal. `merged` is for operators that are one in the
    framework.
    """
    try:
        trace = traced()
    except UnknownOperation as unknown:
        differences = [f"unknown operation: {unknown}"]
    else:
        flow = dataflow(graph, merged)
        differences = [*_structure(flow, trace), *_names(graph, trace)]
        if not differences:
            differences += _places(flow, trace)
    learnt = {node.path: node.op.parameters for node in graph.nodes()}
    differences += _state("parameters", learnt, parameters)
    if buffers is not None:
        others = {node.path: node.op.buffers for node in graph.nodes()}
        differences += _state("elements of buffers", others, buffers)
    total = sum(parameters.values())
    return Proof(graph.name, graph.root.operator_count, total, tuple(differences))


def dataflow(graph: Graph, merged: Callable[[Operator], Operator] | None = None) -> Dataflow:
    """The graph's flat view with one hashable label per node, in the form that traces have.

    Operators are simplified, those that do nothing are left out, and a sum of more than two is a
    chain of sums. What `merged` makes of an operator stands in its place.
    """
    view: Dataflow = nx.MultiDiGraph(name=graph.name)
    view.add_node(INPUT, label=("input", (), graph.input), op=None)
    values = {INPUT: (INPUT, graph.input)}
    for node in graph.nodes():
        inputs = [values[name] for name in node.inputs]
        op = (node.op if merged is None else merged(node.op)).simplified
        if op is None:
            values[node.path] = inputs[0]
            continue
        if op.chained and len(inputs) > 2:
            for i, other in enumerate(inputs[1:-1], 1):
                pair = [inputs[0], other]
                type = op.shape((pair[0][1], pair[1][1]))
                inputs[0] = _add_node(view, f"{node.path}:{i}", op, pair, type)
            inputs = [inputs[0], inputs[-1]]
        order = op.order(tuple(type for _, type in inputs))
        inputs = [inputs[i] for i in order]
        values[node.path] = _add_node(view, node.path, op, inputs, node.type)
    return view


def _add_node(
    view: Dataflow, name: str, op: Operator, inputs: list[_Typed], type: TensorType
) -> _Typed:
    view.add_node(name, label=(op.kind, op.attributes(), type), op=op)
    for (source, _), role in zip(inputs, op.roles(len(inputs)), strict=True):
        view.add_edge(source, name, role=role)
    return name, type


def outside(graph: Graph) -> Iterator[Operator]:
    """One of each kind of the graph's operators that are not built in."""
    kinds = {}
    for _, block in graph.blocks():
        for step in block.steps:
            if not isinstance(step.body, Block) and step.body.backends:
                kinds[step.body.kind] = step.body
    return iter(kinds.values())


def _structure(expected: Dataflow, traced: Dataflow) -> Iterator[str]:
    if not nx.is_directed_acyclic_graph(traced):
        yield "the traced module has a cycle"
        return
    if isomorphism(expected, traced) is not None:
        returned = set(traced.graph["outputs"])
        if returned != {node for node in traced if not traced.out_degree(node)}:
            yield f"the module returns {', '.join(f'`{name}`' for name in sorted(returned))} alone"
        return
    missing, extra = first_difference(expected, traced), first_difference(traced, expected)
    if missing is not None:
        yield f"the module has no `{missing}`: {_words(expected, missing)}"
    if extra is not None:
        yield f"the graph has no `{extra}`: {_words(traced, extra)}"
    if missing is None and extra is None:
        yield "the same operators, but used differently"


def _words(graph: Dataflow, node: str) -> str:
    kind, attributes, type = graph.nodes[node]["label"]
    options = " ".join(f"{key}={value}" for key, value in attributes)
    return f"{kind} {options} → {type}".replace("  ", " ")


def _names(graph: Graph, traced: Dataflow) -> Iterator[str]:
    """Every operator with parameters is a submodule of its path, called exactly once."""
    expected = {node.path for node in graph.nodes() if node.op.parameters}
    called = [*_called(traced).values()]
    for path in sorted(expected - set(called)):
        yield f"no submodule `{path.replace('/', '.')}` is called"
    for path in sorted(set(called) - expected):
        yield f"submodule `{path.replace('/', '.')}` is called, but is not in the graph"
    for path in sorted({path for path in called if called.count(path) > 1}):
        yield f"submodule `{path.replace('/', '.')}` is called more than once"


def _places(expected: Dataflow, traced: Dataflow) -> Iterator[str]:
    """Equal submodules may be called in each other's places, which the structure does not tell."""
    called = _called(traced)
    ours = _named(expected, {path: path for path in called.values()})
    first = first_difference(ours, _named(traced, called))
    if first is not None:
        yield f"from `{first}` on, submodules are called in each other's places"


def _called(traced: Dataflow) -> dict[str, str]:
    """Nodes that are calls of submodules with parameters, with the paths of these."""
    return {
        node: data["module"].replace(".", "/")
        for node, data in traced.nodes(data=True)
        if data.get("module") and data["weights"]
    }


def _named(view: Dataflow, paths: Mapping[str, str]) -> Dataflow:
    """The same with paths as parts of labels."""
    named = view.copy()
    for node, path in paths.items():
        named.nodes[node]["label"] = (*view.nodes[node]["label"], path)
    return named


def _state(what: str, expected: Mapping[str, int], found: Mapping[str, int]) -> Iterator[str]:
    """State of each operator, so that nothing in the module is dead or missing."""
    for path in sorted(expected.keys() | found.keys()):
        if expected.get(path, 0) != found.get(path, 0):
            yield (
                f"`{path}` has {found.get(path, 0):,} {what}, "
                f"but {expected.get(path, 0):,} in the graph"
            )
