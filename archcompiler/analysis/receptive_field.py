"""How much of the input one position of a feature map depends on.

Along one axis, an output position reads an interval, apart from what it reads along the others, so
a map is described by the first and the last input position of each of its own. Branches that meet
are united: the result is exact for every path through a branching network, the resampling of the
mask included, whose windows differ from position to position.

The *receptive field* is the largest such interval of an unbounded image, the usual definition: at
the edges, windows reach past the image by the grid's own step. Within the image (`clip`), a window
ends at the edge; that is what gradients can see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat

from archcompiler.analysis.branches import MASK, beside_trunk
from archcompiler.ir import INPUT, Block, Graph, TensorType, fold
from archcompiler.ops import Operator


@dataclass(frozen=True, slots=True)
class Windows:
    """Per position of a map, the first and last input position that it depends on."""

    first: Sequence[int]
    last: Sequence[int]
    step: int
    """Input positions from one position to the next, as the strides say."""

    @property
    def size(self) -> int:
        """Pixels of the largest window."""
        return max(b - a for a, b in zip(self.first, self.last, strict=True)) + 1


class ReceptiveField:
    """Receptive fields of the scopes of one graph."""

    def __init__(self, graph: Graph, *, clip: bool = False, masks: bool = True) -> None:
        self.graph = graph
        self.clip = clip
        self.masks = masks
        """Whether paths through the masks count; without them only the trunk does."""
        self.block: Callable[[Block, int], Windows] = fold(self._output)
        """Windows of a block's output in positions of the block's own input."""

    def network(self, axis: int, until: str | None = None) -> Windows:
        """Windows of the network's output, or of the output of its step `until`.

        `axis` counts the spatial axes from 0: height and width are 0 and 1.
        """
        windows = self.steps(self.graph.root, axis, identity(self.graph.input, axis))
        return windows[until or self.graph.root.output]

    def steps(self, block: Block, axis: int, entering: Windows) -> dict[str, Windows]:
        """Windows of every step of a block whose input has the windows `entering`.

        Without masks, of those of the trunk.
        """
        known = {INPUT: entering}
        beside = frozenset[str]() if self.masks else beside_trunk(block)
        for step in block.steps:
            if step.name in beside:
                continue
            if isinstance(step.body, Block):
                entered = known[step.inputs[0]]
                known[step.name] = self._then(entered, self.block(step.body, axis))
                continue
            inputs = [
                (known[name], role)
                for name, role in zip(step.inputs, step.body.roles(len(step.inputs)), strict=True)
                if self.masks or role != MASK
            ]
            known[step.name] = self._apply(step.body, inputs, step.type.size[axis], axis)
        return known

    def _output(self, _: object, block: Block, axis: int) -> Windows:
        return self.steps(block, axis, identity(block.input, axis))[block.output]

    def _apply(
        self, op: Operator, inputs: list[tuple[Windows, str]], output: int, axis: int
    ) -> Windows:
        # What gives its size alone is not read, but its grid is the grid of the output.
        grid = [x for x, role in inputs if role == "size"]
        read = [(x, role in op.whole) for x, role in inputs if role != "size"]
        sizes = {(len(x.first), whole) for x, whole in read}
        windows = {key: _windows(op, *key, output, axis) for key in sizes}
        parts = [self._then(x, windows[len(x.first), whole]) for x, whole in read]
        widest = max(read, key=lambda part: len(part[0].first))[0]
        step = widest.step * op.step(len(widest.first), output, axis)
        return Windows(
            [min(row) for row in zip(*(part.first for part in parts), strict=True)],
            [max(row) for row in zip(*(part.last for part in parts), strict=True)],
            grid[0].step if grid else max(1, int(step)),
        )

    def _then(self, outer: Windows, inner: Windows) -> Windows:
        """Windows of `inner`, whose input has the windows `outer`."""
        if self.clip:
            end = len(outer.first) - 1
            first = [outer.first[min(max(i, 0), end)] for i in inner.first]
            last = [outer.last[min(max(i, 0), end)] for i in inner.last]
        else:
            first = list(map(_at, repeat(outer.first), repeat(outer.step), inner.first))
            last = list(map(_at, repeat(outer.last), repeat(outer.step), inner.last))
        return Windows(first, last, outer.step * inner.step)


def identity(type_: TensorType, axis: int) -> Windows:
    positions = range(type_.size[axis])
    return Windows(positions, positions, 1)


def isotropic(graph: Graph) -> bool:
    """Whether every operator treats all axes alike, so that one stands for the others."""
    return all(
        step.body.isotropic
        for _, block in graph.blocks()
        for step in block.steps
        if not isinstance(step.body, Block)
    )


def _windows(op: Operator, size: int, whole: bool, output: int, axis: int) -> Windows:
    """What an operator reads of an input with `size` positions; of a `whole` one, all."""
    if whole:
        return Windows([0] * output, [size - 1] * output, 1)
    spans = [op.window(position, size, output, axis) for position in range(output)]
    return Windows([a for a, _ in spans], [b for _, b in spans], 1)


def _at(values: Sequence[int], step: int, index: int) -> int:
    """`values[index]`, continued past both ends by `step`."""
    if index < 0:
        return values[0] + step * index
    end = len(values) - 1
    return values[index] if index <= end else values[end] + step * (index - end)
