"""Every operator accepts what it is given, and every stated shape is the computed one."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.ir import Block, Graph, Step
from archcompiler.ops import ShapeError
from archcompiler.passes.finding import Finding


def check_shapes(graph: Graph) -> Iterator[Finding]:
    """Shape rules of all operators, joins included (E304), groups (E305), pooling (E306).

    Equal operators with equal mistakes of one origin are one cause and reported once. Only for a
    graph whose structure holds.
    """
    reported = set()
    for path, block in graph.blocks():
        for step in block.steps:
            finding = _check_step(path, block, step)
            if finding is None or finding.code == "E305":
                # What the options of a block do to its channels is told by the `blocks` pass.
                continue
            cause = (finding.code, finding.origins)
            if cause not in reported:
                reported.add(cause)
                yield finding


def _check_step(path: str, block: Block, step: Step) -> Finding | None:
    inputs = tuple(block.type_of(name) for name in step.inputs)
    scope = f"{path}/{step.name}" if path else step.name
    origins = (step.origin or block.origin,)
    if isinstance(step.body, Block):
        if inputs != (step.body.input,):
            message = f"expects {step.body.input}, but gets {', '.join(map(str, inputs))}"
            return Finding("E304", message, origins, scope)
        computed = step.body.output_type
    else:
        try:
            computed = step.body.shape(inputs)
        except ShapeError as error:
            return Finding(error.code, error.message, origins, scope, help=error.help)
    if computed != step.type:
        message = f"gives {computed}, where the graph says {step.type}"
        return Finding("E304", message, origins, scope)
    return None
