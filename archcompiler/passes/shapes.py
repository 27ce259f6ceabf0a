"""Every operator accepts what it is given, and every stated shape is the computed one."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from archcompiler.ir import Block, Graph, Step
from archcompiler.ops import ShapeError
from archcompiler.passes.finding import Finding


def check_shapes(graph: Graph) -> Iterator[Finding]:
    """Shape rules of all operators, joins included (E304), groups (E305), pooling (E306).

    Equal operators with equal mistakes of one origin are one cause and reported once.
    """
    reported = set()
    for path, block in graph.blocks():
        for step in _in_order(block):
            finding = _check_step(path, block, step)
            if finding is None:
                continue
            cause = (finding.code, finding.origin)
            if cause not in reported:
                reported.add(cause)
                yield finding


def _in_order(block: Block) -> Iterator[Step]:
    view = block.to_networkx()
    if any("type" not in data for _, data in view.nodes(data=True)):
        return
    if nx.is_directed_acyclic_graph(view):
        steps = nx.get_node_attributes(view, "step")
        yield from (steps[name] for name in nx.topological_sort(view) if name in steps)


def _check_step(path: str, block: Block, step: Step) -> Finding | None:
    inputs = tuple(block.type_of(name) for name in step.inputs)
    scope = f"{path}/{step.name}" if path else step.name
    origin = step.origin or block.origin
    if isinstance(step.body, Block):
        if inputs != (step.body.input,):
            message = f"expects {step.body.input}, but gets {', '.join(map(str, inputs))}"
            return Finding("E304", message, origin, scope)
        computed = step.body.output_type
    else:
        try:
            computed = step.body.shape(inputs)
        except ShapeError as error:
            return Finding(error.code, error.message, origin, scope, help=error.help)
    if computed != step.type:
        return Finding("E304", f"gives {computed}, but says {step.type}", origin, scope)
    return None
