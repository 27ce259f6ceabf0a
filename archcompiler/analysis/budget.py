"""Plans of what to make again for a share of the maps, or for the room that a step has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from archcompiler.analysis.planner import Planner, TooLittle, plan_recomputation
from archcompiler.analysis.recompute import Recomputation, usual_bytes
from archcompiler.ir import Graph

STEP: Final = 5
SHARES: Final = tuple(percent / 100 for percent in range(100, 0, -STEP))
"""What is tried for a room, the least work first."""


class NoRoom(Exception):
    """No plan has a peak that is so low."""

    def __init__(self, least: int) -> None:
        super().__init__(least)
        self.least = least
        """Bytes of the lowest peak of those that were tried."""


def keeping(
    graph: Graph, share: float, *, apart: bool = False, close: bool = False
) -> Recomputation:
    """The least work for keeping a share of what autograd keeps as usual; see `Planner.plan`.

    Raises TooLittle.
    """
    return plan_recomputation(graph, int(share * usual_bytes(graph)), apart=apart, close=close)


def least_share(graph: Graph, found: TooLittle) -> float:
    """What share the smallest choice keeps."""
    return found.least / usual_bytes(graph)


def fitting(
    graph: Graph,
    room: int,
    peak: Callable[[Recomputation], int],
    *,
    apart: bool = False,
    most: float = 1.0,
) -> Recomputation:
    """The least work for a step whose peak has room, where more than a share of `most` has none.

    Raises NoRoom if no plan has such a peak.

    To keep less lowers a peak to some point, from where the maps of larger and larger parts are
    there at once when they are made again. So shares are tried one after the other, and then
    those around the lowest peak.
    """
    peaks: dict[float, int] = {}
    planner, usual = Planner(graph, apart), usual_bytes(graph)

    def fits(share: float) -> Recomputation | None:
        plan = planner.plan(int(share * usual))
        peaks[share] = peak(plan)
        return plan if peaks[share] <= room else None

    with suppress(TooLittle):
        for share in sorted({most, *(s for s in SHARES if s < most)}, reverse=True):
            if found := fits(share):
                return found
    for share in sorted(s for s in SHARES if s > most):
        # None of these has room: only how much it takes is of interest.
        with suppress(TooLittle):
            fits(share)
            if peaks[share] > min(peaks.values()):
                break
    lowest = min(peaks, key=peaks.__getitem__)
    with suppress(TooLittle):
        for percent in range(STEP - 1, -STEP, -1):
            share = round(lowest + percent / 100, 2)
            if 0 < share <= 1 and share not in peaks and (found := fits(share)):
                return found
    raise NoRoom(min(peaks.values()))
