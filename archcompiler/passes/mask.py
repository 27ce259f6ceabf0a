"""The mask's way up retraces its way down, and each resampling has the right target."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.blocks import HOURGLASS
from archcompiler.ir import INPUT, Block, Graph
from archcompiler.ops import Interpolate, MaxPool
from archcompiler.passes.finding import Finding


def check_mask(graph: Graph) -> Iterator[Finding]:
    """Each level pools once and interpolates once (E309), back to the map that it pooled (E311).

    A target that nothing writes is a dangling input, E301.
    """
    for path, block in graph.blocks():
        if block.kind == HOURGLASS:
            yield from _check_level(path, block)


def _check_level(path: str, block: Block) -> Iterator[Finding]:
    pools = [s for s in block.steps if isinstance(s.body, MaxPool)]
    resizes = [s for s in block.steps if isinstance(s.body, Interpolate)]
    if len(pools) != 1 or len(resizes) != 1:
        yield Finding(
            "E309",
            f"a level of a mask with pools: {len(pools)}, interpolations: {len(resizes)}",
            (block.origin,),
            path,
            fatal=True,
        )
        return
    pooled, target = pools[0].inputs[0], resizes[0].inputs[1]
    if pooled != target and target in {INPUT, *(step.name for step in block.steps)}:
        yield Finding(
            "E311",
            f"the mask goes down from `{pooled}`, but comes up to the size of `{target}`",
            (resizes[0].origin, block.origin),
            path,
            fatal=True,
        )
