"""Pairs of bytes and work that no other pair beats in both, and the choices behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[np.int64]]

Name = tuple[str, ...]
"""A path, seen from some block."""
CHUNK: Final = 1 << 20
"""Pairs that are looked at together."""
FEW: Final = 1 << 12
"""Pairs that are sorted sooner than their sizes are told apart."""
F = TypeVar("F")


class Algebra(Protocol[F]):
    """What a dynamic programme does with what it has of every state."""

    def point(self, size: int = 0, work: int = 0, *names: Name) -> F:
        """One pair of bytes and work, and the names that are chosen with it."""

    def empty(self) -> F:
        """No pair: what cannot be."""

    def sum(self, a: F, b: F) -> F:
        """Each choice of one with each of the other."""

    def union(self, *some: F) -> F:
        """Each choice of any; of equals that of the first."""

    def under(self, name: str, some: F) -> F:
        """The same, seen from the block around."""

    def named(self, name: Name, some: F) -> F:
        """The same, by a choice more."""


class Front:
    """Pairs by rising bytes and falling work."""

    def __init__(
        self, sizes: Numbers, works: Numbers, names: Callable[[int], Iterator[Name]]
    ) -> None:
        self.sizes, self.works = sizes, works
        self.names = names
        """What one of the pairs chooses."""

    def __len__(self) -> int:
        return len(self.sizes)

    def at(self, i: int) -> Front:
        """One of the pairs alone."""
        return Front(self.sizes[i : i + 1], self.works[i : i + 1], lambda _: self.names(i))


@dataclass(frozen=True)
class Limits:
    """Which pairs need no further look."""

    most: int | None = None
    """Bytes."""
    rate: float = 0.0
    """Work that a byte is worth."""
    gap: float | None = None
    """How much worse than the best of its front a pair may be at this rate."""
    grain: int = 0
    """Bytes of which a front has three pairs, where not all are looked at."""


class TooWide(Exception):
    """More pairs would be looked at than there is room for."""


@dataclass
class Room:
    """How many pairs may still be looked at."""

    left: float = inf

    def take(self, pairs: int) -> None:
        """Raises TooWide, before they are made."""
        self.left -= pairs
        if self.left < 0:
            raise TooWide


class Fronts:
    """Sums and unions of fronts, without the pairs that are over the limits.

    A sum raises TooWide where there is no room for its pairs.
    """

    def __init__(self, limits: Limits, room: Room | None = None) -> None:
        self.limits = limits
        self.room = room or Room()
        self.thinned = False
        """Whether a pair of a grain was left out that is within the limits."""

    def point(self, size: int = 0, work: int = 0, *names: Name) -> Front:
        import numpy as np

        return Front(np.array([size], np.int64), np.array([work], np.int64), lambda _: iter(names))

    def empty(self) -> Front:
        import numpy as np

        none = np.array([], np.int64)
        return Front(none, none, lambda _: iter(()))

    def under(self, name: str, some: Front) -> Front:
        def names(i: int) -> Iterator[Name]:
            return ((name, *path) for path in some.names(i))

        return Front(some.sizes, some.works, names)

    def named(self, name: Name, some: Front) -> Front:
        def names(i: int) -> Iterator[Name]:
            yield name
            yield from some.names(i)

        return Front(some.sizes, some.works, names)

    def sum(self, a: Front, b: Front) -> Front:
        import numpy as np

        if not len(a) or not len(b):
            return self.empty()
        if len(b) == 1:
            return self._moved(a, b)
        self.room.take(len(a) * len(b))
        parts = []
        for sizes, works, places in _pairs(a, b):
            best = self._best(sizes, works)
            parts.append((sizes[best], works[best], places[best]))
        sizes, works, places = (np.concatenate(column) for column in zip(*parts, strict=True))
        if len(parts) > 1:
            best = self._best(sizes, works)
            sizes, works, places = sizes[best], works[best], places[best]
        first, second = np.divmod(places, len(b))

        def names(i: int) -> Iterator[Name]:
            yield from a.names(int(first[i]))
            yield from b.names(int(second[i]))

        return Front(sizes, works, names)

    def _moved(self, a: Front, b: Front) -> Front:
        """The sum with a single pair, which changes nothing in the order of the others."""
        import numpy as np

        sizes, works = a.sizes + b.sizes[0], a.works + b.works[0]
        most = self.limits.most
        count = len(a) if most is None else int(np.searchsorted(sizes, most, "right"))

        def names(i: int) -> Iterator[Name]:
            yield from a.names(i)
            yield from b.names(0)

        return Front(sizes[:count], works[:count], names)

    def union(self, *fronts: Front) -> Front:
        import numpy as np

        some = [front for front in fronts if len(front)]
        if not some:
            return self.empty()
        if len(some) == 1:
            return some[0]
        sizes = np.concatenate([front.sizes for front in some])
        works = np.concatenate([front.works for front in some])
        best = self._best(sizes, works)
        starts = np.cumsum([0, *map(len, some)])

        def names(i: int) -> Iterator[Name]:
            which = int(np.searchsorted(starts, best[i], "right")) - 1
            return some[which].names(int(best[i] - starts[which]))

        return Front(sizes[best], works[best], names)

    def _best(self, sizes: Numbers, works: Numbers) -> Numbers:
        """Places of the pairs that no other beats, by rising bytes."""
        import numpy as np

        most, rate, gap = self.limits.most, self.limits.rate, self.limits.gap
        fit = np.arange(len(sizes))
        if gap is not None and len(fit):
            scores = works + rate * sizes
            fit = fit[scores <= scores.min() + gap]
        if most is not None:
            fit = fit[sizes[fit] <= most]
        order = fit[np.lexsort((works[fit], sizes[fit]))]
        rising = works[order]
        first = np.ones(len(order), bool)
        first[1:] = rising[1:] < np.minimum.accumulate(rising)[:-1]
        best: Numbers = order[first]
        if not self.limits.grain or not len(best):
            return best
        # Of each grain the smallest and the largest, so that what fits stays, and the best.
        grains = sizes[best] // self.limits.grain
        (starts,) = np.nonzero(np.append(True, grains[1:] != grains[:-1]))
        ends = np.append(starts[1:], len(best)) - 1
        scores = works[best] + rate * sizes[best]
        least = np.repeat(np.minimum.reduceat(scores, starts), ends - starts + 1)
        places = np.where(scores == least, np.arange(len(best)), len(best))
        leading = np.minimum.reduceat(places, starts)
        kept = np.zeros(len(best), bool)
        kept[np.concatenate([starts, ends, leading])] = True
        self.thinned = self.thinned or not kept.all()
        return best[kept]


def _pairs(a: Front, b: Front) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
    """Bytes, work and place, row by row, of each choice of one front with each of another; those
    that are surely beaten may be left out.
    """
    import numpy as np

    grain = int(np.gcd.reduce(np.concatenate([np.diff(a.sizes), np.diff(b.sizes)])))
    count = int(a.sizes[-1] - a.sizes[0] + b.sizes[-1] - b.sizes[0]) // grain + 1
    if len(a) * len(b) > FEW and count <= min(len(a) * len(b), CHUNK):
        yield _lightest(a, b, grain, count)
        return
    rows = max(1, CHUNK // len(b))
    for start in range(0, len(a), rows):
        sizes = np.add.outer(a.sizes[start : start + rows], b.sizes).ravel()
        works = np.add.outer(a.works[start : start + rows], b.works).ravel()
        yield sizes, works, np.arange(len(sizes)) + start * len(b)


def _lightest(a: Front, b: Front, grain: int, count: int) -> tuple[Numbers, Numbers, Numbers]:
    """The same of those with the least work of their size, and of equals the first.

    The sizes are multiples of a grain, `count` of them, so that nothing has to be sorted.
    """
    import numpy as np

    none = np.iinfo(np.int64).max
    works, places = np.full(count, none), np.zeros(count, np.int64)
    # The first of equals has the smaller size of `a`, and so the larger of `b`.
    rows = [(a, i, i * len(b)) for i in range(len(a))]
    other, step = b, 1
    if len(b) < len(a):
        rows = [(b, i, i) for i in range(len(b))[::-1]]
        other, step = a, len(b)
    at = (other.sizes - other.sizes[0]) // grain
    place = np.arange(len(other)) * step
    for front, i, start in rows:
        into = at + (front.sizes[i] - front.sizes[0]) // grain
        sums = other.works + front.works[i]
        (less,) = np.nonzero(sums < works[into])
        works[into[less]] = sums[less]
        places[into[less]] = place[less] + start
    (found,) = np.nonzero(works < none)
    return a.sizes[0] + b.sizes[0] + found * grain, works[found], places[found]
