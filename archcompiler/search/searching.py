"""From a space to all of its specs that keep to the budget and that no other beats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.depth import trunk_depth
from archcompiler.diagnostics import CompileError, Diagnostic, Span, error
from archcompiler.ir import Graph
from archcompiler.lower.context import MAX_STEPS
from archcompiler.lower.network import MAX_OPERATORS
from archcompiler.search.front import MOST, Aims, Found, TooMany, ends, front, reach
from archcompiler.search.loading import LoadedSpace, too_large
from archcompiler.search.model import QuantityName
from archcompiler.search.parts import Costs
from archcompiler.search.states import Chosen, Walk, walks


class Candidate(NamedTuple):
    """A spec of the space."""

    chosen: Chosen
    """What it changes, in the order of the space."""
    costs: Costs


@dataclass(frozen=True)
class Result:
    """What a search found."""

    space: LoadedSpace
    base: Costs
    """Of the spec that is changed."""
    compiled: int
    """How many specs of the space compile, and"""
    networks: int
    """how many networks they are: of those that differ in nothing but words, one is looked at."""
    misfits: Counter[tuple[str, str]]
    """How many do not, by the code and words of their first error."""
    ranges: dict[QuantityName, tuple[int, int]]
    """What bounded quantities are at least and at most in the space, by each stage's extremes."""
    front: tuple[Found, ...]

    @property
    def count(self) -> int:
        """How many networks were found, ties included."""
        return sum(found.end.count for found in self.front)

    def candidates(self, most: int | None = None) -> Iterator[Candidate]:
        """A spec of each network that was found, the best by the first objective first."""
        order = {axis: i for i, axis in enumerate(self.space.axes)}
        every = (
            Candidate(
                tuple(sorted((*found.shared, *chosen), key=lambda pair: order[pair[0]])), costs
            )
            for found in self.front
            for chosen, costs in found.end.networks()
        )
        return islice(every, most)


def search(space: LoadedSpace, tick: Callable[[], None] = lambda: None) -> Result:
    """Find the specs; `tick` is called for each variant of a stage.

    Raises CompileError: E803 where too much is looked at, E805 where none of the space compiles.
    """
    aims = Aims(space.better, space.bounds)
    found: list[Found] = []
    misfits: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], tuple[Span | None, str | None]] = {}
    compiled = networks = 0
    ranges: dict[QuantityName, tuple[int, int]] = {}
    for walk in walks(space, tick):
        misfits += walk.misfits
        first = walk.first | first
        compiled += walk.compiled
        networks += walk.networks
        if not walk.networks:
            continue
        _require_bounded(space, walk)
        for name, (low, high) in reach(walk, aims).items():
            least, most = ranges.get(name, (low, high))
            ranges[name] = min(least, low), max(most, high)
        try:
            found = front([*found, *ends(walk, aims)])
        except TooMany:
            what = f"more than {MOST:,} beginnings of networks that may lead to the best"
            raise CompileError(too_large(space, what)) from None
    if not compiled:
        raise CompileError(_nothing(space, misfits, first))
    return Result(
        space, _costs(space.base.graph), compiled, networks, misfits, ranges, tuple(found)
    )


def _costs(graph: Graph) -> Costs:
    """What a whole network costs, as tables have it."""
    cost = network_cost(graph)
    return Costs(cost.params, cost.macs, cost.saved_bytes, trunk_depth(graph))


def _require_bounded(space: LoadedSpace, walk: Walk) -> None:
    """Raise CompileError E803 unless no network of a walk comes near what may be compiled.

    That depends on all parts of a network together, and on which of them are equal.
    """
    for number, what, bound in (
        (walk.steps, "different steps", MAX_STEPS),
        (walk.operators, "operators", MAX_OPERATORS),
    ):
        if number > bound:
            what = f"networks of up to {number:,} {what}, where {bound:,} are the most"
            raise CompileError(too_large(space, what))


def _nothing(
    space: LoadedSpace,
    misfits: Counter[tuple[str, str]],
    first: Mapping[tuple[str, str], tuple[Span | None, str | None]],
) -> Diagnostic:
    """E805 at what is most often to blame."""
    usual = misfits.most_common(3)
    notes = [f"{code}, of {count:,}: {message}" for (code, message), count in usual]
    told = (first[reason] for reason, _ in usual)
    span, help = next((found for found in told if found[0]), (space.span(("space",)), None))
    message = f"none of the {space.size:,} specs compiles"
    return error("E805", message, span, notes=notes, help=help)
