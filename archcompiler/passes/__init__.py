"""Checks on the graph. A pass is a plain function from a graph to what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from archcompiler.ir import Graph
from archcompiler.passes.finding import Finding
from archcompiler.passes.mask import check_mask
from archcompiler.passes.name import check_name
from archcompiler.passes.shapes import check_shapes
from archcompiler.passes.structure import check_structure
from archcompiler.passes.units import check_units

Pass = Callable[[Graph], Iterable[Finding]]

STRUCTURE: Final[tuple[Pass, ...]] = (check_structure, check_mask)
"""Whether the graph is one: the passes after these may walk it."""
MEANING: Final[tuple[Pass, ...]] = (check_units, check_shapes, check_name)
PASSES: Final = STRUCTURE + MEANING

__all__ = ["MEANING", "PASSES", "STRUCTURE", "Finding", "Pass", "run_passes"]


def run_passes(graph: Graph) -> list[Finding]:
    """Everything that is wrong with a graph; of a broken structure, only what is broken in it."""
    found = [finding for check in STRUCTURE for finding in check(graph)]
    return found or [finding for check in MEANING for finding in check(graph)]
