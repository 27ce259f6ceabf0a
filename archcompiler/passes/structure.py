"""Every scope is one connected dataflow: nothing dangles, no cycle, one source, one sink."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archcompiler.analysis.parameters import parameters
from archcompiler.config.path import SpecPath
from archcompiler.ir import INPUT, Block, Graph, fold
from archcompiler.passes.finding import Finding


def check_structure(graph: Graph) -> Iterator[Finding]:
    """Dangling inputs (E301), cycles (E302), dead ends and unreachable steps (E303), per scope.

    A block whose scopes all hold is a graph whose every node lies on a path from input to output,
    because a block has one input and one output. A step with weights is also refused (E303) where
    nothing but the size of its map is read: they would have no gradient. A block with steps that
    could not be made is left out.
    """
    weights = fold(parameters)
    for path, block in graph.blocks():
        if block.problems:
            # What could not be made uses nothing, and is told by itself.
            continue
        if _sound(block):
            name = _read_for_size(block, weights)
            if name is not None:
                message = f"`{name}` has weights, but nothing reads more than the size of its map"
                yield Finding("E303", message, _origins(block, name), path, fatal=True)
        else:
            for code, message, name in _broken(block):
                yield Finding(code, message, _origins(block, name), path, fatal=True)


def _sound(block: Block) -> bool:
    """Whether the steps are in order, each from the input, and each used: of steps that are in
    order and lead nowhere, nothing reads the last.

    A third of a build would go into importing networkx, which has more to say only where this
    fails.
    """
    written, used = {INPUT}, {block.output}
    for step in block.steps:
        if not step.inputs or not written.issuperset(step.inputs) or step.name in written:
            return False
        written.add(step.name)
        used.update(step.inputs)
    return used == written


def _read_for_size(block: Block, weights: Callable[[Block], int]) -> str | None:
    """The last step with weights whose values do not reach the output; None if all do."""
    used = {block.output}
    for step in reversed(block.steps):
        body = step.body
        if isinstance(body, Block):
            weighs, read = weights(body), step.inputs
        else:
            roles = zip(step.inputs, body.roles(len(step.inputs)), strict=False)
            weighs, read = body.parameters, tuple(name for name, role in roles if role != "size")
        if step.name in used:
            used.update(read)
        elif weighs:
            return step.name
    return None


def _broken(block: Block) -> Iterator[tuple[str, str, str]]:
    """Code, message and the step to blame of what is wrong in one scope."""
    import networkx as nx

    view = block.to_networkx()
    dangling = [name for name, data in view.nodes(data=True) if "type" not in data]
    for name in dangling:
        for reader in view.successors(name):
            yield "E301", f"`{reader}` reads `{name}`, which nothing writes", reader
    if block.output not in view:
        yield "E301", f"nothing writes the output, `{block.output}`", INPUT
        return
    if dangling:
        return
    if not nx.is_directed_acyclic_graph(view):
        cycle = [edge[0] for edge in nx.find_cycle(view)]
        yield "E302", f"a cycle: {' → '.join((*cycle, cycle[0]))}", cycle[0]
        return
    written = {INPUT}
    for step in block.steps:
        for name in step.inputs:
            if name not in written:
                yield "E301", f"`{step.name}` reads `{name}`, which is written after it", step.name
        if step.name in written:
            yield "E301", f"`{step.name}` is written twice", step.name
        written.add(step.name)
    # Of a chain of steps that leads nowhere, the last is the cause; of one from nowhere, the first.
    used = nx.ancestors(view, block.output) | {block.output}
    reached = nx.descendants(view, INPUT) | {INPUT}
    for name in view:
        if name not in used and not view.out_degree(name):
            yield "E303", f"`{name}` is computed, but nothing uses it", name
        elif name not in reached and not view.in_degree(name):
            yield "E303", f"`{name}` does not depend on the input", name


def _origins(block: Block, name: str) -> tuple[SpecPath, ...]:
    if name == INPUT or not block.step(name).origin:
        return (block.origin,)
    return block.step(name).origin, block.origin
