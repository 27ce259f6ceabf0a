"""Checks on the graph. A pass is a plain function from a graph to what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from archcompiler.ir import Graph
from archcompiler.passes.blocks import check_blocks
from archcompiler.passes.finding import Finding
from archcompiler.passes.name import check_name
from archcompiler.passes.shapes import check_positions, check_shapes
from archcompiler.passes.structure import check_structure

Pass = Callable[[Graph], Iterable[Finding]]

STRUCTURE: Final[tuple[Pass, ...]] = (check_structure,)
"""Whether the graph is one: the passes after these may walk it."""
CONTRACTS: Final[tuple[Pass, ...]] = (check_blocks,)
"""Whether blocks are what they promise: otherwise no shape after one of them means anything."""
MEANING: Final[tuple[Pass, ...]] = (check_shapes, check_positions, check_name)
PASSES: Final = STRUCTURE + CONTRACTS + MEANING

__all__ = ["CONTRACTS", "MEANING", "PASSES", "STRUCTURE", "Finding", "Pass", "run_passes"]


def run_passes(graph: Graph) -> list[Finding]:
    """Everything that is wrong with a graph, without what only follows from something before it."""
    found: list[Finding] = []
    for checks in (STRUCTURE, CONTRACTS, MEANING):
        found += [finding for check in checks for finding in check(graph)]
        if any(finding.fatal for finding in found):
            break
    return found
