"""What the panels of one network share: its graph, its costs, and who links to whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from archcompiler.analysis.costs import CostModel
from archcompiler.analysis.depth import trunk_depth
from archcompiler.analysis.total import Cost
from archcompiler.compiler import CompiledNetwork
from archcompiler.figure.folding import digest
from archcompiler.figure.labels import name_words
from archcompiler.figure.metrics import printable
from archcompiler.figure.scene import Info
from archcompiler.figure.skips import is_residual
from archcompiler.figure.words import shape_words, spec_words
from archcompiler.ir import Block, Graph, Step
from archcompiler.ir.kinds import UNIT, UNITS
from archcompiler.spec.names import class_name


def block_key(block: Block) -> str:
    """What tells blocks apart beside their widths: definition, options, and what fills slots."""
    if not block.name:
        return digest(block)
    return f"{block.kind} {block.name} {sorted(block.options.items())}"


@dataclass(frozen=True)
class Drawing:
    """One network on its way to paper."""

    network: CompiledNetwork
    links: Mapping[Block, str] = field(default_factory=dict)
    """Panels that cards may lead to, by the block that each shows."""

    @property
    def graph(self) -> Graph:
        return self.network.graph

    @property
    def title(self) -> str:
        spec = self.network.spec
        return printable(" ".join((spec.title or class_name(spec)).split()))

    @property
    def sha256(self) -> str:
        return self.network.loaded.sha256

    @cached_property
    def unit_names(self) -> dict[str, str]:
        """Every unit of the network by its key: what it is called, with options that differ."""
        units = {block_key(b): b for _, b in self.graph.blocks() if b.kind == UNIT}
        names = {}
        for key, unit in units.items():
            alike = [other.options for other in units.values() if other.name == unit.name]
            differing = (
                f"{name} {value}"
                for name, value in unit.options.items()
                if any(options.get(name) != value for options in alike)
            )
            names[key] = ", ".join((name_words(unit), *differing))
        return names

    def unit_name(self, unit: Block) -> str:
        """`ResNeXt`, or `ResNeXt, groups 8` where the network has others too."""
        return self.unit_names[block_key(unit)]

    @cached_property
    def residual(self) -> bool:
        """Whether each kind of unit adds to what it was given, at least where shapes allow."""
        kinds: dict[str, bool] = {}
        for _, block in self.graph.blocks():
            if block.kind == UNIT:
                key = block.name or block_key(block)
                kinds[key] = kinds.get(key, False) or is_residual(block)
        return all(kinds.values())

    @cached_property
    def costs(self) -> CostModel:
        return CostModel(self.graph)

    @cached_property
    def totals(self) -> Cost:
        # From the costs of its cards, which are made anyway.
        root = self.graph.root
        return sum((self.costs.step(root, step) for step in root.steps), Cost())

    @cached_property
    def trunk_depth(self) -> int:
        return trunk_depth(self.graph)

    def link(self, block: Block) -> str:
        """Panel of a block; of a run of units, the panel of its unit."""
        if block in self.links or block.kind != UNITS or not block.steps:
            return self.links.get(block, "")
        last = block.steps[-1].body
        return self.links.get(last, "") if isinstance(last, Block) else ""

    def joint_info(
        self, block: Block, scope: str, steps: Sequence[Step], what: str, count: int | None = None
    ) -> Info:
        """What several steps that share one card cost together; `count` of them are equal."""
        infos = [self.info(block, scope, step, what) for step in steps]
        first, last = infos[0], infos[-1]
        return replace(
            first,
            shape=last.shape,
            parameters=sum(info.parameters or 0 for info in infos),
            macs=sum(info.macs or 0 for info in infos),
            spec=first.spec if first.spec == last.spec else "",
            count=len(infos) if count is None else count,
        )

    def info(self, block: Block, scope: str, step: Step, what: str, times: int = 1) -> Info:
        """What a card says of a step of `block`, which stands at the path `scope`."""
        cost = self.costs.step(block, step) * times
        return Info(
            scope=f"{scope}/{step.name}" if scope else step.name,
            what=what,
            shape=shape_words(step.type),
            parameters=cost.params,
            macs=cost.macs,
            spec=spec_words(step.body.origin if isinstance(step.body, Block) else step.origin),
            count=times,
        )
