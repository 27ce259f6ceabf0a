"""How much memory training may take: `40%` of what autograd keeps as usual, or `8GB` in all."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from archcompiler.analysis.recompute import (
    Recomputation,
    TooLittle,
    plan_recomputation,
    recomputed,
)
from archcompiler.ir import Graph

SHARE: Final = r"(100|[0-9]{1,2}(\.[0-9]{1,3})?) ?%"
SIZE: Final = r"[0-9]{1,6}(\.[0-9]{1,3})? ?[MGT]i?B"
SHARES: Final = tuple(percent / 100 for percent in (100, *range(95, 0, -5)))
"""What is tried for a size, the least work first."""


def share(text: str) -> float | None:
    """The share that a text says, from 0 to 1; None if it says a size."""
    return float(text.rstrip("% ")) / 100 if text.endswith("%") else None


def size(text: str) -> int:
    """The bytes that a text says: 1000 to a kB, 1024 to a KiB."""
    found = re.fullmatch(r"([0-9.]+) ?([MGT])(i?)B", text, re.ASCII)
    assert found is not None
    base = 1024 if found[3] else 1000
    return round(float(found[1]) * base ** " kMGT".index(found[2]))


def keeping(graph: Graph, share: float) -> Recomputation:
    """The least work for keeping a share of what autograd keeps as usual. Raises TooLittle."""
    return plan_recomputation(graph, int(share * recomputed(graph, {}).image_bytes))


def least_share(graph: Graph, found: TooLittle) -> float:
    """What share the smallest choice keeps."""
    return found.least / recomputed(graph, {}).image_bytes


def fitting(
    graph: Graph, room: int, peak: Callable[[Recomputation], int]
) -> Recomputation | None:
    """The least work for a step whose peak has room; None if no plan does.

    To keep less lowers a peak to some point, from where the maps of larger and larger parts are
    there at once when they are made again. So shares are tried one after the other.
    """
    for share in SHARES:
        try:
            plan = keeping(graph, share)
        except TooLittle:
            return None
        if peak(plan) <= room:
            return plan
    return None
