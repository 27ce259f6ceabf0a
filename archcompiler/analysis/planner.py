"""The least work for a budget of bytes: which maps to keep, and which to make again.

The plan is exact: a dynamic programme over the steps of each block, in order. A state says which of
the maps that are still to be read can be had in the backward pass; it has every pair of bytes and
work that no other choice beats in both. Equal blocks are looked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final, NamedTuple

from archcompiler.analysis.front import Algebra, F, Name, Room, TooWide
from archcompiler.analysis.hull import Hull
from archcompiler.analysis.memory import graded_inputs, input_types, storages
from archcompiler.analysis.recompute import (
    READ,
    Recomputation,
    Status,
    chain,
    is_module,
    recalls,
    recomputed,
    replays,
    usual_bytes,
    work_again,
)
from archcompiler.ir import INPUT, Block, Graph, Step
from archcompiler.ir.fold import fold
from archcompiler.ops import Operator
from archcompiler.ops.cost import BYTES

STATUSES: Final[tuple[Status, ...]] = ("kept", "again", "gone")
Choices = Mapping[tuple[bool, Status], F]
"""Of a block that recomputes: by whether its input can be had, and what becomes of its output."""
State = frozenset[tuple[str, Status]]
"""Maps that can be had, by the step that makes them."""
WIDE: Final = 1e8
"""Pairs of bytes and work beyond which the last half per cent of work is not looked for: these take
some seconds, and all that there are may take minutes. A number of them is the same everywhere, as
plans have to be.
"""
CLOSE: Final = 0.005
"""A share of the work that is made again, which the search for the last of it is not worth."""
RECOMPUTES: Final = "*"
"""In place of the name of a map that is kept: the block recomputes."""


class TooLittle(Exception):
    """No choice keeps so few bytes."""

    def __init__(self, least: int) -> None:
        super().__init__(least)
        self.least = least
        """Bytes an image that the smallest choice keeps."""


def plan_recomputation(
    graph: Graph, image_bytes: int, *, apart: bool = False, close: bool = False
) -> Recomputation:
    """The least work for keeping at most so many bytes an image: see `Planner.plan`."""
    return Planner(graph, apart).plan(image_bytes, close=close)


@dataclass(frozen=True)
class _Way:
    """What can become of the map that an operator makes."""

    status: Status | None
    """None where it makes none of its own."""
    needs: frozenset[str]
    """Maps that have to be there in the backward pass."""
    size: int = 0
    work: int = 0
    names: tuple[Name, ...] = ()


_How = _Way | tuple[bool, Status] | None
"""What becomes of the map that a step makes: an operator's, or a block's, by whether its input can
be had; None where it makes none of its own.
"""


class _Course(NamedTuple):
    """The states of a block, step by step."""

    start: State
    moves: list[dict[State, list[tuple[State, _How]]]]
    """For each step, how each of the states after it is reached, and from which."""
    ends: dict[Status, list[State]]
    """States after the last step, by what has become of the block's output."""


class Planner:
    """The choices of a network.

    With blocks `apart` none makes a map again from those of another.
    """

    def __init__(self, graph: Graph, apart: bool = False) -> None:
        self.graph, self.apart = graph, apart
        self.hull = Hull(self.solve)
        self.storages = fold(storages)
        self.inside = fold(self._inside)
        self.ways = fold(self._ways)
        self.courses = fold(self._courses)

    def plan(self, image_bytes: int, *, close: bool = False) -> Recomputation:
        """The least work for keeping at most so many bytes an image.

        Where the search for that is `WIDE`, or if that is `close` enough, about within `CLOSE` of
        it. Raises TooLittle.
        """
        usual = usual_bytes(self.graph)
        if usual <= image_bytes:
            return recomputed(self.graph, {})
        beyond = usual - self.usual
        most = image_bytes - beyond
        best = None
        if not close:
            try:
                best = self.hull.within(most, room=Room(WIDE))
            except TooWide:
                close = True
        if close:
            best = self.hull.within(most, close=CLOSE)
        if best is None:
            raise TooLittle(beyond + self.hull.smallest)
        return recomputed(self.graph, chosen_blocks(best))

    @cached_property
    def usual(self) -> int:
        """Bytes of what there is a choice about, where nothing recomputes."""
        total, last = 0, False
        for _, block, gradient in self._chain():
            known = self.storages(block, gradient)
            total += self.inside(block, gradient)
            # The map between two blocks is kept by either; the image is there anyway.
            between = block is not self.graph.root.steps[0].body
            total += BYTES * block.input.numel * (between and (known.keeps_input or last))
            last = known.keeps_output
        return total

    def _chain(self) -> Iterator[tuple[str, Block, bool]]:
        """Blocks of the chain that make a map, and whether what they read has a gradient."""
        gradient = False
        for path, block in chain(self.graph):
            known = self.storages(block, gradient)
            if not known.passes_through:
                yield path, block, gradient
            gradient = known.gives_gradient

    def solve(self, pairs: Algebra[F]) -> F:
        """Every choice of the network. A name is the path of a block and a name in it."""
        choices = fold(partial(self._choices, pairs))
        states: dict[Status, F] = {"kept": pairs.point()}
        for path, block, gradient in self._chain():
            found: dict[Status, list[F]] = {status: [] for status in STATUSES}
            for before, front in states.items():
                for after in STATUSES:
                    if after == "again" and self.apart:
                        continue
                    again = choices(block, gradient)[before != "gone", after]
                    ways = pairs.union(
                        self._usual(pairs, block, gradient, before, after),
                        pairs.named((path, RECOMPUTES), pairs.under(path, again)),
                    )
                    found[after].append(pairs.sum(front, ways))
            states = {status: pairs.union(*fronts) for status, fronts in found.items()}
        return pairs.union(*states.values())

    def _usual(
        self, pairs: Algebra[F], block: Block, gradient: bool, before: Status, after: Status
    ) -> F:
        """A block whose maps autograd keeps as it always does."""
        known = self.storages(block, gradient)
        if known.keeps_input and before != "kept":
            return pairs.empty()
        if after == "again" or (after == "gone" and known.keeps_output):
            return pairs.empty()
        output = BYTES * block.output_type.numel if after == "kept" else 0
        return pairs.point(self.inside(block, gradient) + output)

    def _inside(self, inside: Callable[[Block, bool], int], block: Block, gradient: bool) -> int:
        """Bytes of the maps that a block keeps inside of it: a rule for `fold`."""
        known = self.storages(block, gradient)
        between = known.kept - {INPUT, known.output}
        own = sum(BYTES * block.type_of(name).numel for name in between)
        for step in block.steps:
            graded = graded_inputs(known.graded, step)
            if isinstance(step.body, Block):
                own += inside(step.body, *graded)
            else:
                types = input_types(block, step)
                saved = step.body.kept(types, step.type, graded)
                own += saved.image_bytes * recalls(step.body, saved) + BYTES * saved.copied(types)
        return own

    def _choices(
        self,
        pairs: Algebra[F],
        choices: Callable[[Block, bool], Choices[F]],
        block: Block,
        gradient: bool,
    ) -> Choices[F]:
        """The choices of a block that recomputes: a rule for `fold`."""
        graded = self.storages(block, gradient).graded
        found: dict[tuple[bool, Status], F] = {}
        for given, course in self.courses(block, gradient).items():
            states = {course.start: pairs.point()}
            for step, moves in zip(block.steps, course.moves, strict=True):
                inner: Choices[F] = {}
                if isinstance(step.body, Block):
                    inner = choices(step.body, *graded_inputs(graded, step))
                states = {
                    after: pairs.union(
                        *(
                            pairs.sum(states[before], _become(pairs, step.name, how, inner))
                            for before, how in some
                        )
                    )
                    for after, some in moves.items()
                }
            for status, ends in course.ends.items():
                found[given, status] = pairs.union(*(states[end] for end in ends))
        return found

    def _courses(self, _: object, block: Block, gradient: bool) -> dict[bool, _Course]:
        """How a block that recomputes goes, whether its input can be had or not: a rule for `fold`.

        It is the same for every algebra.
        """
        known = self.storages(block, gradient)
        last = {known.of[name]: at for at, step in enumerate(block.steps) for name in step.inputs}
        last[known.output] = len(block.steps)
        found = {}
        for given in (False, True):
            start = _state({INPUT: "kept"} if given else {})
            states, rows = [start], []
            for at, step in enumerate(block.steps):
                after: dict[State, list[tuple[State, _How]]] = {}
                for state in states:
                    have = dict(state)
                    for status, how in self._open(block, gradient, step, have.keys()):
                        then = dict(have)
                        if status in ("kept", "again"):
                            # It matters to the blocks around alone which of both it is.
                            then[step.name] = status if known.output == step.name else "kept"
                        left = {name: s for name, s in then.items() if last.get(name, -1) > at}
                        after.setdefault(_state(left), []).append((state, how))
                states = list(after)
                rows.append(after)
            ends: dict[Status, list[State]] = {status: [] for status in STATUSES}
            for state in states:
                ends[dict(state).get(known.output, "gone")].append(state)
            found[given] = _Course(start, rows, ends)
        return found

    def _open(
        self, block: Block, gradient: bool, step: Step, have: Set[str]
    ) -> Iterator[tuple[Status | None, _How]]:
        """What can become of the map that a step makes; None where it makes none of its own."""
        if not isinstance(step.body, Block):
            for way in self.ways(block, gradient)[step.name]:
                if way.needs <= have:
                    yield way.status, way
            return
        known = self.storages(block, gradient)
        if known.of[step.name] != step.name:
            yield None, None
            return
        for status in STATUSES:
            yield status, (known.of[step.inputs[0]] in have, status)

    def _ways(self, _: object, block: Block, gradient: bool) -> dict[str, list[_Way]]:
        """What can become of the map of each operator of a block: a rule for `fold`."""
        return {
            step.name: list(self._of_operator(block, gradient, step, step.body))
            for step in block.steps
            if not isinstance(step.body, Block)
        }

    def _of_operator(
        self, block: Block, gradient: bool, step: Step, op: Operator
    ) -> Iterator[_Way]:
        known = self.storages(block, gradient)
        sources, types = [known.of[name] for name in step.inputs], input_types(block, step)
        saved = op.kept(types, step.type, graded_inputs(known.graded, step))
        needs = frozenset(sources[i] for i in saved.inputs + saved.copies)
        if op.view:
            yield _Way(None, needs)
            return
        # What is kept beside the map is computed again even if the map is not.
        beside, again = map(sum, work_again(op, types, step.type, saved))
        if not saved.output:
            yield _Way("gone", needs, 0, beside)
        if not op.random:
            replayed = needs.union(sources[i] for i in replays(op, len(sources)))
            yield _Way("again", replayed, 0, beside + again)
        kept = _Way("kept", needs, BYTES * step.type.numel, beside)
        if op.random:
            yield kept
        elif saved.output and op.compares:
            return
        elif op.parameters:
            yield replace(kept, names=((step.name,),))
        elif known.output == step.name:
            yield replace(kept, names=((),))
        elif (reader := _reader(block, step.name)) is not None:
            yield replace(kept, names=((READ + reader,),))


def _become(pairs: Algebra[F], name: str, how: _How, inner: Choices[F]) -> F:
    """The pairs of what becomes of the map that a step makes."""
    if how is None:
        return pairs.point()
    if isinstance(how, _Way):
        return pairs.point(how.size, how.work, *how.names)
    return pairs.under(name, inner[how])


def _reader(block: Block, name: str) -> str | None:
    """A layer or a block whose input is the output of a step."""
    readers = (step for step in block.steps if step.inputs[0] == name and is_module(step))
    return next((step.name for step in readers), None)


def _state(have: Mapping[str, Status]) -> State:
    return frozenset(have.items())


def chosen_blocks(names: Iterator[Name]) -> dict[str, frozenset[str]]:
    """The blocks that recompute, and what each of them keeps, by the names of a choice."""
    found: dict[str, set[str]] = {}
    for block, *path in names:
        kept = found.setdefault(block, set())
        if path == [RECOMPUTES]:
            continue
        reads = path and path[-1].startswith(READ)
        kept.add(READ * bool(reads) + "/".join([block, *path]).replace(READ, ""))
    return {block: frozenset(kept) for block, kept in found.items()}
