"""Depth of a network as its authors count it."""

from __future__ import annotations

from archcompiler.blocks import MASK
from archcompiler.ir import INPUT, Block, Graph


def trunk_depth(graph: Graph) -> int:
    """Convolutions and linear layers on the longest path from input to output past the masks.

    20 + 3·M·(p + t + p) for M attention modules of bottleneck units (paper, section 4.1).
    """
    return _depth(graph.root, {})


def _depth(block: Block, known: dict[int, int]) -> int:
    if id(block) not in known:
        depth = {INPUT: 0}
        for step in block.steps:
            body = step.body
            if isinstance(body, Block):
                own = 0 if body.kind == MASK else _depth(body, known)
            else:
                own = body.layers
            depth[step.name] = own + max((depth[name] for name in step.inputs), default=0)
        known[id(block)] = depth[block.output]
    return known[id(block)]
