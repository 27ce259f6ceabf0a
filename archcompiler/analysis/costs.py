"""Costs of a network, from its graph alone.

A block's cost depends on three things beside the block: the branch it stands in, whether its
surroundings keep its output for the backward pass, and whether it answers for its own input. Each
distinct block is costed once for each of these, so that ten thousand equal modules cost as much
as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

from archcompiler.analysis.branches import beside_trunk
from archcompiler.analysis.memory import graded_inputs, input_types, keeps_input, storages
from archcompiler.analysis.total import Cost
from archcompiler.ir import INPUT, Block, Graph, Step, fold
from archcompiler.ir.kinds import HEAD, STEM
from archcompiler.ops import Operator
from archcompiler.ops.cost import BYTES

Branch = Literal["stem", "trunk", "mask", "head"]
BRANCHES: tuple[Branch, ...] = ("stem", "trunk", "mask", "head")
_BRANCH_OF: dict[str, Branch] = {STEM: "stem", HEAD: "head"}
"""Branch of the blocks of a kind; the mask's are told by the edges that lead from them."""


class Kind(NamedTuple):
    """A line of a breakdown: an operator, as tables call it, in one branch."""

    branch: Branch
    op: str
    label: str


Cells = Mapping[Kind, Cost]
"""Costs by kind; their sum is the cost of the whole."""


class Place(NamedTuple):
    """What a block's cost depends on beside the block."""

    branch: Branch = "trunk"
    output_kept: bool = False
    """Whether an operator outside keeps the block's output."""
    owns_input: bool = False
    """Whether the block's input counts as the block's: the image, which no operator makes."""
    graded: tuple[bool, ...] = (True,)
    """Whether each input has a gradient."""


ROOT = Place(owns_input=True, graded=(False,))


def total(cells: Cells) -> Cost:
    return sum(cells.values(), Cost())


class CostModel:
    """Costs of the scopes of one graph at its input size, one image."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.cells: Callable[[Block, Place], Cells] = fold(self._sum)
        """Costs below a block, by branch and operator."""
        self._parts = fold(self._parts_of)
        self._storages = fold(storages)

    @property
    def network(self) -> Cells:
        """Costs of the whole network."""
        return self.cells(self.graph.root, ROOT)

    @cached_property
    def total(self) -> Cost:
        """Their sum."""
        return total(self.network)

    def block(self, block: Block) -> Cost:
        """Cost of a block by itself, where it is unknown what its surroundings keep."""
        return total(self.cells(block, Place()))

    def step(self, block: Block, step: Step) -> Cost:
        """Cost of one step of `block` by itself."""
        if isinstance(step.body, Block):
            return self.block(step.body)
        return _cost(block, step, step.body, Place(graded=(True,) * len(step.inputs)))

    def steps(self, block: Block, place: Place) -> Iterator[tuple[Step, Place, Cells]]:
        """Each step of a block with its place and its costs, which add up to the block's."""
        for step, inner, own in self._parts(block, place):
            if isinstance(step.body, Block):
                yield step, inner, self.cells(step.body, inner)
            else:
                yield step, inner, own

    def _sum(self, below: Callable[[Block, Place], Cells], block: Block, place: Place) -> Cells:
        repeats: Counter[tuple[Block, Place]] = Counter()
        cells: dict[Kind, Cost] = {}
        for step, inner, own in self._parts(block, place):
            if isinstance(step.body, Block):
                repeats[step.body, inner] += 1
            for kind, cost in own.items():
                cells[kind] = cells[kind] + cost if kind in cells else cost
        for (body, inner), times in repeats.items():
            for kind, cost in below(body, inner).items():
                cells[kind] = cells.get(kind, Cost()) + cost * times
        return cells

    def _parts_of(self, _: object, block: Block, place: Place) -> list[tuple[Step, Place, Cells]]:
        """Each step with its place and, of an operator, its costs: a rule for `fold`."""
        return [
            (step, inner, {})
            if isinstance(step.body, Block)
            else (step, inner, {_kind(step.body, inner): _cost(block, step, step.body, inner)})
            for step, inner in self._places(block, place)
        ]

    def _places(self, block: Block, place: Place) -> Iterator[tuple[Step, Place]]:
        memory = self._storages(block, *place.graded)
        kept = memory.kept | {memory.output} if place.output_kept else memory.kept
        # The image is charged once, to the first step that keeps it.
        owner = None
        if place.owns_input and INPUT in kept:
            keepers = (
                step.name
                for step in block.steps
                if keeps_input(self._storages, block, step, *place.graded)
            )
            owner = next(keepers, None)
        beside = beside_trunk(block)
        for step in block.steps:
            branch = place.branch
            if step.name in beside:
                branch = "mask"
            elif isinstance(step.body, Block):
                branch = _BRANCH_OF.get(step.body.kind, branch)
            made_here = memory.of[step.name] == step.name
            yield (
                step,
                Place(
                    branch,
                    output_kept=made_here and step.name in kept,
                    owns_input=step.name == owner,
                    graded=graded_inputs(memory.graded, step),
                ),
            )


@lru_cache(maxsize=1)
def cost_model(graph: Graph) -> CostModel:
    """Costs of the scopes of a graph; of the last one they are remembered."""
    return CostModel(graph)


def network_cost(graph: Graph) -> Cost:
    """Cost of a whole network, one image."""
    return cost_model(graph).total


def _kind(op: Operator, place: Place) -> Kind:
    return Kind(place.branch, op.kind, op.label)


def _cost(block: Block, step: Step, op: Operator, place: Place) -> Cost:
    inputs, output = input_types(block, step), step.type
    work, saved = op.work(inputs, output), op.kept(inputs, output, place.graded)
    moved = op.moved(inputs, output)
    own_bytes = BYTES * output.numel if place.output_kept else 0
    if place.owns_input:
        own_bytes += BYTES * block.input.numel
    copied = saved.copied(inputs)
    reread = sum(inputs[i].numel for i in saved.inputs) + output.numel * saved.output + copied
    return Cost(
        operators=1,
        params=op.parameters,
        buffers=op.buffers,
        macs=work.macs,
        fvcore_flops=work.fvcore_flops,
        elements=work.elements,
        activations=work.activations,
        # Backwards: one product for the weights, and one for each input but the image.
        train_macs=work.macs * (1 + (op.parameters > 0) + sum(place.graded)),
        saved_bytes=own_bytes + BYTES * copied + saved.image_bytes + saved.batch_bytes,
        saved_batch_bytes=saved.batch_bytes,
        param_bytes=BYTES * (op.parameters + op.buffers),
        map_bytes=BYTES * moved,
        train_map_bytes=BYTES * (2 * moved + reread) + saved.image_bytes + saved.batch_bytes,
    )
