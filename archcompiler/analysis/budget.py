"""Plans of what to make again for a share of the maps, or for the room that a step has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from archcompiler.analysis.planner import TooLittle, plan_recomputation
from archcompiler.analysis.recompute import (
    Recomputation,
    usual_bytes,
)
from archcompiler.ir import Graph

SHARES: Final = tuple(percent / 100 for percent in range(100, 0, -5))
"""What is tried for a room, the least work first."""


def keeping(
    graph: Graph, share: float, *, apart: bool = False, close: bool = False
) -> Recomputation:
    """The least work for keeping a share of what autograd keeps as usual; see `plan_recomputation`.

    Raises TooLittle.
    """
    return plan_recomputation(graph, int(share * usual_bytes(graph)), apart=apart, close=close)


def least_share(graph: Graph, found: TooLittle) -> float:
    """What share the smallest choice keeps."""
    return found.least / usual_bytes(graph)


def fitting(
    graph: Graph, room: int, peak: Callable[[Recomputation], int], *, apart: bool = False
) -> Recomputation | None:
    """The least work for a step whose peak has room; None if no plan does.

    To keep less lowers a peak to some point, from where the maps of larger and larger parts are
    there at once when they are made again. So shares are tried one after the other.
    """
    for share in SHARES:
        try:
            plan = keeping(graph, share, apart=apart)
        except TooLittle:
            return None
        if peak(plan) <= room:
            return plan
    return None
