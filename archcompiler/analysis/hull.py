"""What a network can do within so many bytes, by the hull of its pairs of bytes and work.

A rate says how much work a byte is worth. The best pairs at a rate lie on a line that no pair is
below of; the two rates beside a budget are those of the corners of the hull beside it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from archcompiler.analysis.front import Algebra, F, Fronts, Limits, Name, Room, TooWide

SMALLEST: Final = 1e9
"""Work that a byte is worth where bytes alone count: no operator does more for one."""
RATES: Final = (1.0, 100.0, SMALLEST)
"""Those tried for a corner below the budget: of elementwise operators, of convolutions, of all."""
ROUNDING: Final = 1e-9
"""Of sums in double precision, as a share."""
FIRST: Final = 1 / 256
"""Of the widest gap, the one that is tried first."""
WIDER: Final = 4
"""By how much the gap grows with each trial."""
QUICK: Final = 1e6
"""Pairs that are looked at for the least work of all before what is about as little will do."""
WIDTH: Final = 8
"""Pairs of a beam, beside the smallest and the largest."""
P = TypeVar("P", bound=tuple[Any, ...])


class Solver(Protocol):
    """A dynamic programme, which does with any algebra the same."""

    def __call__(self, pairs: Algebra[F]) -> F: ...


Corner = tuple[int, int]
"""Bytes and work."""


class Corners:
    """Of all pairs the best at a rate, and of equals the smallest."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def point(self, size: int = 0, work: int = 0, *_: Name) -> Corner | None:
        return size, work

    def empty(self) -> Corner | None:
        return None

    def sum(self, a: Corner | None, b: Corner | None) -> Corner | None:
        return None if a is None or b is None else (a[0] + b[0], a[1] + b[1])

    def union(self, *some: Corner | None) -> Corner | None:
        return min(filter(None, some), key=self._score, default=None)

    def under(self, name: str, some: Corner | None) -> Corner | None:
        return some

    def named(self, name: Name, some: Corner | None) -> Corner | None:
        return some

    def _score(self, corner: Corner) -> tuple[float, int]:
        return corner[1] + self.rate * corner[0], corner[0]


class Pair(NamedTuple):
    """Bytes and work, and what is chosen with them."""

    size: int
    work: int
    names: Callable[[], Iterator[Name]]


class Beam:
    """Of the pairs that are best at a rate a few: the smallest, the largest, and those that are
    about a share of the way between. Blocks that are alike may then choose otherwise.
    """

    def __init__(self, rate: float, share: float) -> None:
        self.rate, self.share = rate, share

    def point(self, size: int = 0, work: int = 0, *names: Name) -> list[Pair]:
        return [Pair(size, work, lambda: iter(names))]

    def empty(self) -> list[Pair]:
        return []

    def sum(self, a: list[Pair], b: list[Pair]) -> list[Pair]:
        sums = [(x.size + y.size, x.work + y.work, x, y) for x in a for y in b]
        return [Pair(size, work, _both(x, y)) for size, work, x, y in self._few(sums)]

    def union(self, *some: list[Pair]) -> list[Pair]:
        fronts = [front for front in some if front]
        if len(fronts) == 1:
            return fronts[0]
        return list(self._few([pair for front in fronts for pair in front]))

    def under(self, name: str, some: list[Pair]) -> list[Pair]:
        return [pair._replace(names=_under(name, pair)) for pair in some]

    def named(self, name: Name, some: list[Pair]) -> list[Pair]:
        return [pair._replace(names=_named(name, pair)) for pair in some]

    def _few(self, pairs: list[P]) -> Sequence[P]:
        if len(pairs) < 2:
            return pairs
        scores = [pair[1] + self.rate * pair[0] for pair in pairs]
        least = min(scores) * (1 + ROUNDING)
        line: dict[int, P] = {}
        for pair, score in zip(pairs, scores, strict=True):
            if score <= least:
                line.setdefault(pair[0], pair)
        sizes = sorted(line)
        if len(sizes) > WIDTH + 2:
            target = sizes[0] + self.share * (sizes[-1] - sizes[0])
            first = bisect_right(sizes, target) - WIDTH // 2
            first = min(max(first, 1), len(sizes) - 1 - WIDTH)
            sizes = [sizes[0], *sizes[first : first + WIDTH], sizes[-1]]
        return [line[size] for size in sizes]


def _both(a: Pair, b: Pair) -> Callable[[], Iterator[Name]]:
    def names() -> Iterator[Name]:
        yield from a.names()
        yield from b.names()

    return names


def _under(name: str, pair: Pair) -> Callable[[], Iterator[Name]]:
    return lambda: ((name, *path) for path in pair.names())


def _named(name: Name, pair: Pair) -> Callable[[], Iterator[Name]]:
    def names() -> Iterator[Name]:
        yield name
        yield from pair.names()

    return names


class _Line(NamedTuple):
    """The part of the hull that is beside a budget."""

    most: int
    """The budget in bytes."""
    rate: float
    """Work that a byte is worth on it."""
    least: float
    """Of the work of a pair and what its bytes are worth: that of pairs on the line."""
    small: int
    """Bytes of the corner that is within the budget."""
    large: int
    """Bytes of the other one."""

    def off(self, work: float) -> float:
        """How far work with all of the budget is from the line, which none is below of."""
        return work + self.rate * self.most - self.least + ROUNDING * self.least

    @property
    def corner(self) -> float:
        """How far the corner within the budget is."""
        return self.off(self.least - self.rate * self.small)

    @property
    def share(self) -> float:
        """Of the way between the corners, where the budget is."""
        way = self.large - self.small
        return min(1.0, (self.most - self.small) / way) if way else 0.0


class Hull:
    """The hull of a network's pairs, whose corners are looked for once."""

    def __init__(self, solve: Solver) -> None:
        self.solve = solve
        self._corners: dict[float, Corner] = {}

    @property
    def smallest(self) -> int:
        """The fewest bytes that are kept by any choice."""
        return self.corner(SMALLEST)[0]

    def corner(self, rate: float) -> Corner:
        """The best pair at a rate."""
        if rate not in self._corners:
            found = self.solve(Corners(rate))
            assert found is not None, "a network that keeps all is one"
            self._corners[rate] = found
        return self._corners[rate]

    def within(
        self, most: int, *, close: float = 0.0, room: Room | None = None
    ) -> Iterator[Name] | None:
        """What is chosen for the least work with at most so many bytes; or for work that is about
        as `close` to it, as a share of it. None if nothing is as small.

        Single rates, each with its corner, find the two of the hull beside `most`. At the rate of
        the line between them, a pair in any part of the network that is worse than the best of its
        kind by some gap makes the whole worse than the line by as much. So a whole that is found
        among pairs within a gap is the one that is sought if its work with `most` bytes is within
        that gap of the line, as any better one's is then. Where many choices are worth the rate
        itself, a beam along the line is soon close, and no wider a gap is looked at than that of
        what it finds. Raises TooWide where `room` is not enough for what is looked at.
        """
        line = self._beside(most)
        if line is None:
            return None
        fit = (pair for pair in self.solve(Beam(line.rate, line.share)) if pair.size <= most)
        near = min(fit, key=lambda pair: pair.work, default=None)
        if near is not None and line.off(near.work) <= close * near.work:
            return near.names()
        if not close:
            return _least(self.solve, line, near, room)
        with suppress(TooWide):
            return _least(self.solve, line, near, Room(QUICK))
        return _about(self.solve, line, close, room)

    def _beside(self, most: int) -> _Line | None:
        """The line of the hull beside so many bytes; None if nothing is as small."""
        large, little = self.corner(0.0)
        for rate in RATES:
            small, much = self.corner(rate)
            if small <= most:
                break
            large, little = small, much
        else:
            return None
        while True:
            rate = (much - little) / (large - small) if large > small else 0.0
            size, work = self.corner(rate)
            least = work + rate * size
            if least >= (much + rate * small) * (1 - ROUNDING):
                return _Line(most, rate, least, small, large)
            if size <= most:
                small, much = size, work
            else:
                large, little = size, work


def _least(solve: Solver, line: _Line, near: Pair | None, room: Room | None) -> Iterator[Name]:
    """The least work of all, which is that of a pair `near` the line if none has less."""
    off = line.corner if near is None else line.off(near.work)
    gap = min(FIRST * line.corner, off)
    while True:
        found = solve(Fronts(Limits(line.most, line.rate, gap), room))
        if len(found):
            work = int(found.works[-1])
            off = min(off, line.off(work))
            if off <= gap:
                return near.names() if near and near.work <= work else found.names(len(found) - 1)
        gap = min(off, WIDER * gap) if gap < off else WIDER * gap


def _about(solve: Solver, line: _Line, close: float, room: Room | None) -> Iterator[Name]:
    """Work that is as `close` to the least, from fronts with few pairs."""
    off = line.corner
    gap, grain = FIRST * off, max(int(close * line.most), 1)
    while True:
        fronts = Fronts(Limits(line.most, line.rate, gap, grain), room)
        found = solve(fronts)
        if len(found):
            work = int(found.works[-1])
            off = line.off(work)
            if off <= (close * work if fronts.thinned else gap):
                return found.names(len(found) - 1)
        if gap < off:
            gap = min(off, WIDER * gap)
        elif fronts.thinned:
            grain //= WIDER
        else:
            gap *= WIDER
