"""How much memory training may take: `40%` of what autograd keeps as usual, or `8GB` in all."""

from __future__ import annotations

import re
from typing import Final

SHARE: Final = r"(100|[0-9]{1,2}(\.[0-9]{1,3})?) ?%"
SIZE: Final = r"[0-9]{1,6}(\.[0-9]{1,3})? ?[MGT]i?B"
LIMIT: Final = rf"^(auto|{SHARE}|{SIZE})$"


def share(limit: str) -> float | None:
    """The share that a limit says, from 0 to 1; None if it says a size."""
    return float(limit.rstrip("% ")) / 100 if limit.endswith("%") else None


def is_size(limit: str) -> bool:
    """Whether a limit says what a step may take in all."""
    return limit != "auto" and share(limit) is None


def size(limit: str) -> int:
    """The bytes that a limit says: 1000 to a kB, 1024 to a KiB."""
    found = re.fullmatch(r"([0-9.]+) ?([MGT])(i?)B", limit, re.ASCII)
    assert found is not None
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * float(base) ** " kMGT".index(found[2]))
