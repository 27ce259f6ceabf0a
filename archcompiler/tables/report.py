"""The costs of one network at one input size, cut into the rows of a view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from archcompiler.analysis.branches import MASK, has_mask, roles
from archcompiler.analysis.costs import BRANCHES, ROOT, Cells, CostModel, Place, total
from archcompiler.analysis.depth import trunk_depth
from archcompiler.analysis.receptive_field import ReceptiveField, Windows, identity, isotropic
from archcompiler.analysis.references import Origin, Reference, reference
from archcompiler.analysis.roofline import Accelerator, Precision, Roofline, roofline
from archcompiler.analysis.total import Cost
from archcompiler.compiler import CompiledNetwork
from archcompiler.ir import Block, Graph, Step, TensorType, fold

if TYPE_CHECKING:
    from archcompiler.verify.counts import Counts

View = Literal["network", "stage", "module", "branch", "op"]
_Windows = dict[int, Windows]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a view."""

    name: str
    cost: Cost
    level: int = 1
    """How deep in the tree of modules: rows of level 1 add up to the network."""
    output: TensorType | None = None
    receptive_field: int | None = None
    """Pixels of the input's longer side, for an unbounded image; None where it has no meaning."""

    @property
    def label(self) -> str:
        """The name without the scopes around it."""
        return self.name.rpartition("/")[2]


Order: TypeAlias = Callable[["Report", Row], tuple[bool, float, str]]
"""The key to sort a row of a report by."""


@dataclass(frozen=True)
class Report:
    """Everything that a table may show of one network at one input size."""

    network: CompiledNetwork
    graph: Graph = field(repr=False)
    view: View = "network"
    depth: int = 2
    """Levels of modules in the view by module."""
    origins: tuple[Origin, ...] = ()
    accelerators: tuple[Accelerator, ...] = ()
    precision: Precision = "half"
    measured: Counts | None = None
    """What torch and fvcore count, if they were asked."""
    order: Order | None = None
    """What to sort rows by; None for their order in the network."""
    heading: str = ""
    """What people read in place of the name, if it is not that."""
    batch: int = 1
    """Images that what autograd keeps is of."""

    @property
    def name(self) -> str:
        return self.network.name

    @property
    def title(self) -> str:
        """The spec's title, or its name where it has none."""
        return " ".join((self.network.spec.title or self.name).split())

    @property
    def input(self) -> TensorType:
        return self.graph.input

    @property
    def classes(self) -> int:
        return self.network.spec.classes

    def at_batch(self, cost: Cost) -> Cost:
        """A cost with what autograd keeps of all images of the batch."""
        shared = cost.saved_batch_bytes
        return replace(cost, saved_bytes=(cost.saved_bytes - shared) * self.batch + shared)

    @cached_property
    def model(self) -> CostModel:
        return CostModel(self.graph)

    @cached_property
    def cells(self) -> Cells:
        return self.model.network

    @cached_property
    def cost(self) -> Cost:
        return total(self.cells)

    @cached_property
    def trunk_depth(self) -> int:
        return trunk_depth(self.graph)

    @cached_property
    def references(self) -> dict[Origin, Reference | None]:
        return {o: reference(o, self.name, self.input, self.classes) for o in self.origins}

    @cached_property
    def rooflines(self) -> tuple[Roofline, ...]:
        return tuple(roofline(self.cost, a, self.precision) for a in self.accelerators)

    @cached_property
    def receptive_field(self) -> int:
        """Of the last feature map, before it is averaged."""
        return self._field(self._fields, self._last_map)

    def by_operator(self, quantity: str) -> dict[str, int]:
        """One quantity of a `Cost` by kind of operator, without those that have none."""
        sums: dict[str, int] = {}
        for kind, cost in self.cells.items():
            sums[kind.op] = sums.get(kind.op, 0) + getattr(cost, quantity)
        return {op: count for op, count in sorted(sums.items()) if count}

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The lines of the view; those of level 1 add up to the network."""
        match self.view:
            case "network":
                return (self.total,)
            case "stage":
                return self._modules(1)
            case "module":
                return self._modules(self.depth)
            case "branch":
                return self._sorted(self._branches())
            case "op":
                return self._sorted(self._operators())

    @cached_property
    def total(self) -> Row:
        return Row(self.name, self.cost, 0, self.graph.root.output_type, None)

    def _sorted(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        order = self.order
        return tuple(rows if order is None else sorted(rows, key=lambda row: order(self, row)))

    def _operators(self) -> list[Row]:
        sums: dict[str, Cost] = {}
        for kind, cost in self.cells.items():
            sums[kind.label] = sums.get(kind.label, Cost()) + cost
        rows = [Row(label, cost) for label, cost in sums.items()]
        return sorted(rows, key=lambda row: (-row.cost.macs, -row.cost.elements, row.name))

    def _branches(self) -> list[Row]:
        stem = self.graph.root.steps[0].name
        fields = {
            "stem": self._field(self._fields, stem),
            "trunk": self._field(self._trunk_fields, self._last_map),
            "mask": self._mask_field(),
        }
        rows = []
        for branch in BRANCHES:
            cells = {kind: cost for kind, cost in self.cells.items() if kind.branch == branch}
            if cells:
                rows.append(Row(branch, total(cells), receptive_field=fields.get(branch)))
        return rows

    def _modules(self, depth: int) -> tuple[Row, ...]:
        windows = {axis: identity(self.input, axis) for axis in self._axes}
        return tuple(self._walk(self.graph.root, ROOT, "", 1, depth, windows))

    def _walk(
        self, block: Block, place: Place, path: str, level: int, depth: int, entering: _Windows
    ) -> Iterator[Row]:
        windows = {a: self._fields.steps(block, a, entering[a]) for a in self._axes}
        inner: dict[str, tuple[Step, Place]] = {}
        rows: list[Row] = []
        for step, step_place, cells in self.model.steps(block, place):
            if not isinstance(step.body, Block) or not step.body.steps:
                continue
            name = f"{path}/{step.name}" if path else step.name
            inner[name] = step, step_place
            size: int | None = max(windows[axis][step.name].size for axis in self._axes)
            if step.type.pixels == 1:  # averaged: the whole image, whatever its size
                size = None
            rows.append(Row(name, total(cells), level, step.type, size))
        for row in self._sorted(rows):
            yield row
            step, step_place = inner[row.name]
            if level < depth and isinstance(step.body, Block):
                nested = {axis: windows[axis][step.inputs[0]] for axis in self._axes}
                yield from self._walk(step.body, step_place, row.name, level + 1, depth, nested)

    @cached_property
    def _fields(self) -> ReceptiveField:
        return ReceptiveField(self.graph)

    @cached_property
    def _trunk_fields(self) -> ReceptiveField:
        return ReceptiveField(self.graph, masks=False)

    @cached_property
    def _axes(self) -> tuple[int, ...]:
        """One axis stands for all of an image with equal sides, if all operators treat it so."""
        axes = tuple(range(self.input.dims))
        return axes[:1] if len(set(self.input.size)) == 1 and isotropic(self.graph) else axes

    @property
    def _last_map(self) -> str:
        """The step of the root that the head reads."""
        head = self.graph.root.step(self.graph.root.output)
        return head.inputs[0]

    def _field(self, fields: ReceptiveField, step: str) -> int:
        return max(fields.network(axis, step).size for axis in self._axes)

    def _mask_field(self) -> int | None:
        """The largest that any mask has, which is the last one's."""
        sizes = [
            windows[name].size
            for axis in self._axes
            for block, windows in self._scopes(axis)
            for step in block.steps
            for name, role in zip(step.inputs, roles(step), strict=True)
            if role == MASK
        ]
        return max(sizes, default=None)

    def _scopes(self, axis: int) -> Iterator[tuple[Block, dict[str, Windows]]]:
        """Windows in the blocks around masks; of equal blocks in a row the last sees most."""
        around = fold(has_mask)
        stack = [(self.graph.root, identity(self.input, axis))]
        while stack:
            block, entering = stack.pop()
            windows = self._fields.steps(block, axis, entering)
            yield block, windows
            last = {s.body: s for s in block.steps if isinstance(s.body, Block)}
            stack += [(b, windows[s.inputs[0]]) for b, s in last.items() if around(b)]


def titled(reports: Sequence[Report]) -> list[Report]:
    """Reports whose headings are titles; networks of one title are told apart by their names."""
    names: dict[str, set[str]] = {}
    for report in reports:
        names.setdefault(report.title, set()).add(report.name)
    return [
        replace(r, heading=r.title if len(names[r.title]) == 1 else f"{r.title} [{r.name}]")
        for r in reports
    ]
