"""All specs of a space that keep to its budget and that no other beats.

Why none is missing. Each quantity of a network is a sum over its stages, and what the stages after
some point can add depends on the state there alone (`states`); so of two beginnings that lead to
one state, any ending that completes the one completes the other, at the same further cost. A
beginning is left out only where another of the same state is at least as good in every objective,
better in one, and at least as far on the safe side of every bound: whatever completes the first
within the budget completes the second within it too, and is beaten by that. Beginnings that are
equal in all of this are kept as one with all the ways to it, so that ties are found too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, TypeAlias

from archcompiler.search.loading import Better
from archcompiler.search.model import NAMES, QuantityName
from archcompiler.search.pareto import unbeaten
from archcompiler.search.parts import Costs
from archcompiler.search.states import Chosen, Move, State, Walk
from archcompiler.spec.bounds import Bound

MOST: Final = 1_000_000
"""Different beginnings that are kept after one stage, and"""
MOST_WAYS: Final = 4 * MOST
"""how many ways to them."""
Vector: TypeAlias = tuple[int, ...]
"""What counts of some costs, so that less is better or none is."""


class TooMany(Exception):
    """More beginnings, or ways to them, than are kept after one stage."""


@dataclass(eq=False, slots=True)
class Beginning:
    """Networks up to some stage that are equal in all that counts."""

    count: int = 0
    """How many they are."""
    ways: list[tuple[Beginning, Move]] = field(default_factory=list)
    """What each of them is one stage before, and the move from there; none at the start."""

    def add(self, before: Beginning, move: Move) -> None:
        self.ways.append((before, move))
        self.count += before.count

    def networks(self) -> Iterator[tuple[Chosen, Costs]]:
        """Each of them: what was chosen on the way, and what it costs."""
        stack: list[tuple[Beginning, Chosen, Costs]] = [(self, (), Costs())]
        while stack:
            beginning, chosen, costs = stack.pop()
            if not beginning.ways:
                yield chosen, costs
            for before, move in reversed(beginning.ways):
                stack.append((before, (*move.chosen, *chosen), move.costs.plus(costs)))


class Found(NamedTuple):
    """Networks of one walk that are equal in all that counts."""

    shared: Chosen
    end: Beginning
    objectives: Vector


@dataclass(frozen=True)
class Aims:
    """What counts of the costs of a network, and how."""

    better: Mapping[QuantityName, Better]
    bounds: Mapping[QuantityName, tuple[Bound, ...]]

    @cached_property
    def objectives(self) -> tuple[tuple[int, int], ...]:
        """The place of each objective among the costs, and its sign: less is better of what it
        gives.
        """
        signs = {"less": 1, "more": -1}
        return tuple((NAMES.index(name), signs[how]) for name, how in self.better.items())

    @cached_property
    def ordered(self) -> tuple[tuple[int, int], ...]:
        """The same of all quantities of which beginnings may differ and one still beat another:
        objectives first.
        """
        return tuple(
            (place, sign)
            for place, signs in self._signs.items()
            if len(signs) == 1
            for sign in signs
        )

    @cached_property
    def equal(self) -> tuple[int, ...]:
        """The places of those of which they may not: a bound or an aim is on either side."""
        return tuple(place for place, signs in self._signs.items() if len(signs) == 2)

    @cached_property
    def strict(self) -> int:
        """How many of `ordered` are objectives."""
        places = {place for place, _ in self.objectives}
        return sum(place in places for place, _ in self.ordered)

    @cached_property
    def _signs(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {place: {sign} for place, sign in self.objectives}
        for name, bounds in self.bounds.items():
            for bound in bounds:
                sides = {"<": {1}, "<=": {1}, ">": {-1}, ">=": {-1}}.get(bound.sign, {1, -1})
                found.setdefault(NAMES.index(name), set()).update(sides)
        return found

    def vector(self, costs: Costs) -> Vector:
        """What beginnings are told apart by: `ordered`, then `equal`."""
        return (
            *(sign * costs[place] for place, sign in self.ordered),
            *(costs[place] for place in self.equal),
        )

    def keeps(self, costs: Costs) -> bool:
        """Whether a network keeps to the budget."""
        return all(
            bound.holds(costs[NAMES.index(name)])
            for name, bounds in self.bounds.items()
            for bound in bounds
        )


def ends(walk: Walk, aims: Aims) -> Iterator[Found]:
    """The networks of a walk that keep to the budget and that no other of the walk beats.

    Raises TooMany.
    """
    within = _Within(walk, aims)
    size = len(aims.ordered) + len(aims.equal)
    layer: dict[State, dict[Vector, Beginning]] = {walk.start: {(0,) * size: Beginning(1)}}
    for index, moves in enumerate(walk.layers):
        after: dict[State, dict[Vector, Beginning]] = {}
        made = ways = 0
        for state, beginnings in layer.items():
            for move in moves[state]:
                added = aims.vector(move.costs)
                there = after.setdefault(move.after, {})
                allowed = within.check(index + 1, move.after)
                for vector, before in beginnings.items():
                    reached = tuple(map(int.__add__, vector, added))
                    known = there.get(reached)
                    if known is None:
                        if not allowed(reached):
                            continue
                        known = there[reached] = Beginning()
                        made += 1
                    known.add(before, move)
                    ways += 1
                if made > MOST or ways > MOST_WAYS:
                    raise TooMany
        layer = {state: _kept(there, aims) for state, there in after.items() if there}
    for there in layer.values():
        for vector, end in there.items():
            yield Found(walk.chosen, end, _objectives(vector, aims))


def reach(walk: Walk, aims: Aims) -> dict[QuantityName, tuple[int, int]]:
    """Bounds of what bounded quantities can be in a walk, by the extremes of its stages."""
    found = _Within(walk, aims).rest[0][walk.start]
    if found is None:
        return {}
    least, most = (cost._asdict() for cost in found)
    return {name: (least[name], most[name]) for name in aims.bounds}


def front(found: Sequence[Found]) -> list[Found]:
    """Those that no other beats, best first by the first objective, then by the second."""
    points = [one.objectives for one in found]
    kept = [found[i] for i in unbeaten(points, len(points[0]) if points else 0)]
    return sorted(kept, key=lambda one: one.objectives)


def _objectives(vector: Vector, aims: Aims) -> Vector:
    places = [place for place, _ in aims.ordered] + list(aims.equal)
    signs = dict(aims.ordered)
    by_place = dict(zip(places, vector, strict=True))
    return tuple(by_place[place] * sign * signs.get(place, 1) for place, sign in aims.objectives)


def _kept(there: dict[Vector, Beginning], aims: Aims) -> dict[Vector, Beginning]:
    """Beginnings of one state without those that another beats."""
    size = len(aims.ordered)
    groups: dict[Vector, list[Vector]] = {}
    for vector in there:
        groups.setdefault(vector[size:], []).append(vector)
    kept: dict[Vector, Beginning] = {}
    for group in groups.values():
        for i in unbeaten([vector[:size] for vector in group], aims.strict):
            kept[group[i]] = there[group[i]]
    return kept


class _Within:
    """Whether a beginning can still be completed within the budget: no ending adds less than the
    least, or more than the most, that any from its state does.
    """

    def __init__(self, walk: Walk, aims: Aims) -> None:
        self.aims = aims
        self.bounded = [(NAMES.index(name), bounds) for name, bounds in aims.bounds.items()]
        last: dict[State, tuple[Costs, Costs] | None] = {}
        self.rest = [last]
        """For each stage, the least and the most that is added from a state there on."""
        for moves in reversed(walk.layers):
            self.rest.insert(0, {state: self._rest(every) for state, every in moves.items()})

    def _rest(self, moves: Sequence[Move]) -> tuple[Costs, Costs] | None:
        least, most = [], []
        for move in moves:
            known = self.rest[0].get(move.after, (Costs(), Costs()))
            if known is not None:
                least.append(move.costs.plus(known[0]))
                most.append(move.costs.plus(known[1]))
        if not least:
            return None
        return Costs(*map(min, zip(*least, strict=True))), Costs(*map(max, zip(*most, strict=True)))

    def check(self, index: int, state: State) -> Callable[[Vector], bool]:
        """The check for beginnings that reach a state before the stage of that index."""
        rest = self.rest[index].get(state, (Costs(), Costs()))
        if rest is None:
            return lambda _: False
        least, most = rest
        aims = self.aims
        spots = {place: (spot, sign) for spot, (place, sign) in enumerate(aims.ordered)}
        spots |= {place: (len(aims.ordered) + i, 1) for i, place in enumerate(aims.equal)}
        tests = [
            (*spots[place], least[place], most[place], bound)
            for place, bounds in self.bounded
            for bound in bounds
        ]

        def allowed(vector: Vector) -> bool:
            for spot, sign, low, high, bound in tests:
                value = sign * vector[spot]
                if not _possible(bound, value + low, value + high):
                    return False
            return True

        return allowed


def _possible(bound: Bound, low: int, high: int) -> bool:
    """Whether a bound holds for a number from `low` to `high`, as far as that can be told."""
    match bound.sign:
        case "<=" | "<":
            return bound.holds(low)
        case ">=" | ">":
            return bound.holds(high)
    if low == high:
        return bound.holds(low)
    return low <= bound.value + bound.digit and high >= bound.value - bound.digit
