"""Equal blocks in a row of a stage, which a training step need not follow one by one.

Each but the first and the last does what the one before it does, with a little more held: in the
forward pass what that one keeps, in the backward pass the gradients of its parameters. So two at
the start and the last are followed, and what is between them is reckoned. What is held changes by
as much from each to the next, so that none of them is higher than both the first and the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, NamedTuple

from archcompiler.analysis.held import NOTHING, Amount
from archcompiler.analysis.moments import Moment
from archcompiler.analysis.recompute import Recomputation, chain_path
from archcompiler.ir import INPUT, Block, Graph, Step
from archcompiler.ir.kinds import STAGE

FOLLOWED: Final = 3
"""Blocks of a row."""


@dataclass(frozen=True)
class Repeat:
    """A row of equal blocks, by their paths."""

    first: str
    second: str
    between: tuple[str, ...]
    """Those that are not followed."""
    last: str

    @property
    def names(self) -> dict[str, str]:
        """Whose names those before the last have where the second is the one next to it."""
        return dict(zip((self.first, self.second), (self.second, *self.between)[-2:], strict=True))


class Turn(NamedTuple):
    """A block of the chain in one of the passes."""

    block: str
    moments: list[Moment]
    kept: Amount = NOTHING
    """How much more autograd keeps after it than before."""
    gradients: int = 0
    """How many bytes of gradients come to those that are there."""


def repeats(graph: Graph, plan: Recomputation | None) -> list[Repeat]:
    """The rows of at least four blocks of a stage that are equal, and keep the same by a `plan`."""
    kept = {} if plan is None else _kept(graph, plan)
    found = []
    for stage in graph.root.steps:
        if isinstance(stage.body, Block) and stage.body.kind == STAGE:
            for row in _rows(stage.name, stage.body, kept):
                if len(row) > FOLLOWED:
                    first, second, *between, last = row
                    found.append(Repeat(first, second, tuple(between), last))
    return found


def _rows(path: str, stage: Block, kept: Mapping[str, object]) -> Iterator[list[str]]:
    def alike(step: Step) -> tuple[object, object]:
        return step.body, kept.get(f"{path}/{step.name}")

    for _, row in groupby(stage.steps, alike):
        yield [f"{path}/{step.name}" for step in row]


def _kept(graph: Graph, plan: Recomputation) -> dict[str, tuple[object, ...]]:
    """Whether each block of the chain recomputes, and what becomes of its maps, in order.

    A block is like no other if its output is made again: what is held does not change by as much
    from each to the next, as to make one the outputs of all before it may have to be made.
    """
    found: dict[str, list[object]] = {}
    storage = {INPUT: INPUT}
    for node in graph.nodes():
        storage[node.path] = storage[node.inputs[0]] if node.op.view else node.path
        block = chain_path(node)
        found.setdefault(block, [block in plan.blocks]).append(plan.maps[node.path])
        for source in (storage[name] for name in node.inputs):
            if not source.startswith(f"{block}/") and plan.maps[source] == "again":
                before = next(path for path in reversed(found) if source.startswith(f"{path}/"))
                found[before].append(before)
    return {block: tuple(kept) for block, kept in found.items()}


def without(graph: Graph, rows: Iterable[Repeat]) -> Graph:
    """The same network without the blocks that are not followed."""
    left_out = {path for row in rows for path in row.between}
    if not left_out:
        return graph
    steps = []
    for stage in graph.root.steps:
        inner: list[Step] = []
        if isinstance(stage.body, Block) and stage.body.kind == STAGE:
            for step in stage.body.steps:
                if f"{stage.name}/{step.name}" not in left_out:
                    reads = (inner[-1].name,) if inner else step.inputs
                    inner.append(step._replace(inputs=reads))
            stage = stage._replace(body=replace(stage.body, steps=tuple(inner)))
        steps.append(stage)
    return Graph(graph.name, replace(graph.root, steps=tuple(steps)))


def kept_between(backward: Sequence[Turn], rows: Iterable[Repeat]) -> Amount:
    """What the blocks that are not followed keep, from the turns of a backward pass."""
    times = {row.second: len(row.between) for row in rows}
    given_up = [(turn.kept, times.get(turn.block, 0)) for turn in backward]
    return Amount(
        -sum(kept.image * n for kept, n in given_up), -sum(kept.batch * n for kept, n in given_up)
    )


def moments_of_all(
    turns: Sequence[Turn], rows: Sequence[Repeat], *, backward: bool
) -> Iterator[Moment]:
    """Of the whole network, from the turns of the blocks that are followed, in their order.

    The turn of the second of a row is also that of the one next to the last, which holds more and
    in the backward pass comes before it. Those between these two are left out.
    """
    seconds = {row.second: row for row in rows}
    shift = _Shift()
    if backward:
        shift.image, shift.batch = kept_between(turns, rows)
        shift.names = {path: name for row in rows for path, name in row.names.items()}
    for turn in turns:
        yield from map(shift.of, turn.moments)
        if row := seconds.get(turn.block):
            shift.add(turn, len(row.between))
            if backward:
                shift.names = {p: n for p, n in shift.names.items() if p not in row.names}
                shift.names[row.last] = row.between[0]
            else:
                shift.names |= row.names
            yield from map(shift.of, turn.moments)


class _Shift:
    """What is held beside what was followed, and the names that paths stand for."""

    def __init__(self) -> None:
        self.image = self.batch = self.gradients = 0
        self.names: dict[str, str] = {}

    def add(self, turn: Turn, times: int) -> None:
        self.image += turn.kept.image * times
        self.batch += turn.kept.batch * times
        self.gradients += turn.gradients * times

    def of(self, moment: Moment) -> Moment:
        where = moment.where
        for path, name in self.names.items():
            if where == path or where.startswith(f"{path}/"):
                where = name + where[len(path) :]
                break
        kept = Amount(moment.kept.image + self.image, moment.kept.batch + self.batch)
        return moment._replace(where=where, kept=kept, gradients=moment.gradients + self.gradients)
