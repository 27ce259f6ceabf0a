"""Every scope is one connected dataflow: nothing dangles, no cycle, one source, one sink."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from archcompiler.ir import INPUT, Block, Graph, SpecPath
from archcompiler.passes.finding import Finding


def check_structure(graph: Graph) -> Iterator[Finding]:
    """Dangling inputs (E301), cycles (E302), dead ends and unreachable steps (E303), per scope.

    A block whose scopes all hold is a graph whose every node lies on a path from input to output,
    because a block has one input and one output.
    """
    for path, block in graph.blocks():
        yield from _check_block(path, block)


def _check_block(path: str, block: Block) -> Iterator[Finding]:
    view = block.to_networkx()
    dangling = [name for name, data in view.nodes(data=True) if "type" not in data]
    for name in dangling:
        for reader in view.successors(name):
            yield Finding(
                "E301",
                f"`{reader}` reads `{name}`, which nothing writes",
                _origin(block, reader),
                path,
            )
    if dangling:
        return
    if not nx.is_directed_acyclic_graph(view):
        cycle = [edge[0] for edge in nx.find_cycle(view)]
        yield Finding(
            "E302",
            f"a cycle: {' → '.join((*cycle, cycle[0]))}",
            _origin(block, cycle[0]),
            path,
        )
        return
    if block.output not in view:
        yield Finding("E301", f"the output `{block.output}` does not exist", block.origin, path)
        return
    used = nx.ancestors(view, block.output) | {block.output}
    reached = nx.descendants(view, INPUT) | {INPUT}
    for name in view:
        if name not in used:
            message = f"`{name}` is computed, but nothing uses it"
            yield Finding("E303", message, _origin(block, name), path)
        elif name not in reached:
            message = f"`{name}` does not depend on the input"
            yield Finding("E303", message, _origin(block, name), path)


def _origin(block: Block, name: str) -> SpecPath:
    return block.origin if name == INPUT else block.step(name).origin or block.origin
