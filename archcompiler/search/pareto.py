"""Which of many points no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK: Final = 256
"""Points that are compared with others at a time, and"""
RIVALS: Final = 4096
"""with how many: what is compared takes a few megabytes."""


def unbeaten(points: Sequence[tuple[int, ...]], strict: int) -> list[int]:
    """Positions of the points that no other beats, in no order; less is better.

    One beats another that is better nowhere and worse in one of the first `strict` places.
    """
    if not strict or len(points) < 2:
        return list(range(len(points)))
    import numpy as np

    # Ranks in place of values, which may be larger than any integer of numpy.
    columns = list(zip(*points, strict=True))
    places = [{value: rank for rank, value in enumerate(sorted(set(c)))} for c in columns]
    ranks = np.array(
        [[place[value] for value in c] for place, c in zip(places, columns, strict=True)], np.int64
    ).T
    # What beats a point has a smaller sum, and beating is transitive: only those kept can.
    order = np.argsort(ranks.sum(axis=1), kind="stable")
    kept, found = ranks[:0], []
    for start in range(0, len(order), CHUNK):
        chunk = order[start : start + CHUNK]
        chunk = chunk[~_beaten(ranks[chunk], kept, strict)]
        chunk = chunk[~_beaten(ranks[chunk], ranks[chunk], strict)]
        kept = np.concatenate([kept, ranks[chunk]])
        found += chunk.tolist()
    return found


def _beaten(points: NDArray[np.int64], rivals: NDArray[np.int64], strict: int) -> NDArray[np.bool_]:
    """Whether each of some points is beaten by one of its rivals."""
    import numpy as np

    beaten = np.zeros(len(points), np.bool_)
    for start in range(0, len(rivals), RIVALS):
        some = rivals[start : start + RIVALS, None]
        better = (some[..., :strict] < points[:, :strict]).any(axis=2)
        beaten |= ((some <= points).all(axis=2) & better).any(axis=0)
    return beaten
