"""Depth of a network as its authors count it."""

from __future__ import annotations

from collections.abc import Callable

from archcompiler.analysis.branches import beside_trunk, trunk_inputs
from archcompiler.ir import INPUT, Block, Graph, fold


def trunk_depth(graph: Graph) -> int:
    """Convolutions and linear layers on the longest path from input to output past the masks.

    20 + 3·M·(p + t + p) for M attention modules of bottleneck units (paper, section 4.1).
    """
    return fold(depth_of)(graph.root)


def depth_of(below: Callable[[Block], int], block: Block) -> int:
    """That of one block, given those of the blocks in it: for `fold`."""
    beside = beside_trunk(block)
    depth = {INPUT: 0}
    for step in block.steps:
        if step.name in beside:
            continue
        body = step.body
        own = below(body) if isinstance(body, Block) else body.layers
        depth[step.name] = own + max(map(depth.__getitem__, trunk_inputs(step)), default=0)
    return depth[block.output]
