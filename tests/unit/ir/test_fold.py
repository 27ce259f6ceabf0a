"""Values of shared blocks are computed once for each block and key."""

from collections.abc import Callable

from tiny import tiny_spec

import archcompiler
from archcompiler.ir import Block, Graph, fold

SPEC = tiny_spec({"channels": 64, "modules": 5, "depth": 2})


def graph() -> Graph:
    return archcompiler.compile(SPEC).graph


def test_the_value_of_shared_blocks_is_that_of_the_flat_graph() -> None:
    network = graph()

    def operators(below: Callable[[Block], int], block: Block) -> int:
        return sum(below(s.body) if isinstance(s.body, Block) else 1 for s in block.steps)

    assert fold(operators)(network.root) == len(list(network.nodes()))


def test_each_block_is_looked_at_once() -> None:
    network, looked_at = graph(), list[Block]()

    def visit(below: Callable[[Block], None], block: Block) -> None:
        looked_at.append(block)
        for step in block.steps:
            if isinstance(step.body, Block):
                below(step.body)

    fold(visit)(network.root)
    assert len(looked_at) == len(set(looked_at)) == len(list(network.blocks()))


def test_each_key_has_its_own_value() -> None:
    network = graph()

    def nesting(below: Callable[[Block, int], int], block: Block, level: int) -> int:
        inner = (below(s.body, level + 1) for s in block.steps if isinstance(s.body, Block))
        return max(inner, default=level)

    deepest = fold(nesting)
    assert deepest(network.root, 10) == deepest(network.root, 0) + 10


def test_blocks_that_are_declined_are_not_entered() -> None:
    kinds = [b.kind for _, b in graph().root.blocks(enters=lambda b: b.kind != "stage")]
    assert kinds == ["network", "stem", "stage", "head"]
