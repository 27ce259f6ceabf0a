"""Learnable parameters."""

from __future__ import annotations

from collections.abc import Callable

from archcompiler.ir import Block, Graph, fold


def parameter_count(graph: Graph) -> int:
    """Learnable parameters of the whole network."""
    return fold(parameters)(graph.root)


def parameters(below: Callable[[Block], int], block: Block) -> int:
    """Those of one block, given those of the blocks in it: for `fold`."""
    return sum(
        below(s.body) if isinstance(s.body, Block) else s.body.parameters for s in block.steps
    )
