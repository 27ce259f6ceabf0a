"""Learnable parameters."""

from __future__ import annotations

from archcompiler.ir import Block, Graph


def parameter_count(graph: Graph) -> int:
    """Learnable parameters of the whole network."""
    return _count(graph.root, {})


def _count(block: Block, known: dict[int, int]) -> int:
    if id(block) not in known:
        known[id(block)] = sum(
            _count(s.body, known) if isinstance(s.body, Block) else s.body.parameters
            for s in block.steps
        )
    return known[id(block)]
