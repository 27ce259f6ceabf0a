"""What one part of a network adds to its costs, by itself: compiled once, used in many networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from archcompiler.analysis.costs import CostModel, Place, total
from archcompiler.analysis.depth import depth_of
from archcompiler.analysis.memory import Storages, storages
from archcompiler.diagnostics import Severity, Span
from archcompiler.ir import Block, Graph, fold
from archcompiler.passes import run_passes
from archcompiler.passes.shapes import Positions, positions


class Costs(NamedTuple):
    """What a network is judged by; each is a sum over its parts."""

    params: int = 0
    macs: int = 0
    memory: int = 0
    """Bytes that autograd keeps of one image."""
    depth: int = 0

    def plus(self, other: Costs) -> Costs:
        return Costs(*(a + b for a, b in zip(self, other, strict=True)))


class Misfit(Exception):
    """No network has such a part there."""

    def __init__(
        self, code: str, message: str, span: Span | None = None, help: str | None = None
    ) -> None:
        super().__init__(code, message, span, help)
        self.code, self.message, self.span, self.help = code, message, span, help


@dataclass(frozen=True, eq=False)
class Part:
    """A stem, a stage or a head, as its neighbours see it."""

    costs: Costs
    """Without the maps that are shared with neighbours, unless the part keeps them itself."""
    keeps_input: bool
    gives_gradient: bool
    """Whether its output has a gradient: of an image something has to be learnt first."""
    passes_through: bool
    """Whether what it gives is the memory of what it gets."""
    output_bytes: int
    """What more it keeps where an operator after it keeps its output."""
    gives_positions: bool
    """Whether channels of its output are positions, as those of dot products are."""


class Measure:
    """Parts of blocks, each measured once."""

    def __init__(self) -> None:
        self.part: Callable[[Block, bool, bool], Part] = fold(self._part)
        """By the block, by whether its input has a gradient, and whether its channels are
        positions.
        """
        self._storages: Callable[[Block, bool], Storages] = fold(storages)
        self._depth = fold(depth_of)
        self._positions: Callable[[Block, bool], Positions] = fold(positions)
        self.seal: Callable[[Block], int] = fold(self._seal)
        """A number that blocks of equal operators share, whatever options they were made with."""
        self._seals: dict[object, int] = {}
        self._model: CostModel | None = None

    def _part(self, _: Any, block: Block, gradient: bool, given: bool) -> Part:
        """Raises Misfit for a block with an error in it."""
        graph = Graph("", block)
        for finding in run_passes(graph):
            if finding.severity is Severity.ERROR:
                raise Misfit(finding.code, finding.message)
        channels = self._positions(block, given)
        for finding in channels.mistakes:
            raise Misfit(finding.code, finding.message)
        if self._model is None:
            # Whose graph it is means nothing to the costs of a block at a place.
            self._model = CostModel(graph)
        memory, place = self._storages(block, gradient), Place(graded=(gradient,))
        alone = total(self._model.cells(block, place))
        kept = total(self._model.cells(block, place._replace(output_kept=True)))
        return Part(
            Costs(alone.params, alone.macs, alone.saved_bytes, self._depth(block)),
            memory.keeps_input,
            memory.gives_gradient,
            memory.passes_through,
            kept.saved_bytes - alone.saved_bytes,
            channels.output,
        )

    def _seal(self, below: Callable[[Block], int], block: Block) -> int:
        steps = tuple(
            (
                step.name,
                step.inputs,
                below(step.body) if isinstance(step.body, Block) else step.body,
            )
            for step in block.steps
        )
        return self._seals.setdefault((block.kind, steps, block.output), len(self._seals))

    def image_bytes(self, block: Block) -> int:
        """What more a measured part keeps of the image, where it is the first to keep it."""
        assert self._model is not None
        place = Place(graded=(False,))
        alone = total(self._model.cells(block, place))
        first = total(self._model.cells(block, place._replace(owns_input=True)))
        return first.saved_bytes - alone.saved_bytes
