"""What the panels of one network share: its graph, its counts, and who links to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from archcompiler.ir.kinds import UNITS, UnitConfig
from archcompiler.compiler import CompiledNetwork
from archcompiler.figure.counts import Counter, Counts
from archcompiler.figure.metrics import printable
from archcompiler.figure.scene import Info
from archcompiler.figure.words import shape_words, spec_words, unit_words
from archcompiler.ir import Block, Graph, Step
from archcompiler.spec.names import class_name
from archcompiler.units.base import UnitSpec


def unit_key(unit: UnitSpec) -> str:
    """Type and options of a unit; those of a type from outside need not be hashable."""
    return unit.model_dump_json()


@dataclass
class Drawing:
    """One network on its way to paper."""

    network: CompiledNetwork
    counter: Counter = field(default_factory=Counter)
    links: dict[int, str] = field(default_factory=dict)
    """Block → id of the panel that shows it."""

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
        """Every unit of the network, as json: its type in words, with options that differ."""
        configs = (block.config for _, block in self.graph.blocks())
        units = {unit_key(c.unit): c.unit for c in configs if isinstance(c, UnitConfig)}
        names = {}
        for key, unit in units.items():
            alike = [other.options() for other in units.values() if other.type == unit.type]
            differing = (
                f"{name} {value}"
                for name, value in unit.options().items()
                if any(options[name] != value for options in alike)
            )
            names[key] = ", ".join((unit_words(unit.type), *differing))
        return names

    def unit_name(self, unit: UnitSpec) -> str:
        """`ResNeXt`, or `ResNeXt, groups 8` where the network has others too."""
        return self.unit_names[unit_key(unit)]

    @property
    def totals(self) -> Counts:
        root = self.graph.root
        return self.counter.of(root, root.output_type)

    def counts(self, step: Step, times: int = 1) -> Counts:
        return self.counter.of(step.body, step.type) * times

    def link(self, block: Block) -> str:
        """Panel of a block; of a run of units, the panel of its unit."""
        if id(block) in self.links or block.kind != UNITS or not block.steps:
            return self.links.get(id(block), "")
        last = block.steps[-1].body
        return self.links.get(id(last), "") if isinstance(last, Block) else ""

    def joint_info(
        self, scope: str, steps: Sequence[Step], what: str, count: int | None = None
    ) -> Info:
        """What several steps that share one card cost together; `count` of them are equal."""
        infos = [self.info(scope, step, what) for step in steps]
        first, last = infos[0], infos[-1]
        return replace(
            first,
            shape=last.shape,
            parameters=sum(info.parameters or 0 for info in infos),
            macs=sum(info.macs or 0 for info in infos),
            spec=first.spec if first.spec == last.spec else "",
            count=len(infos) if count is None else count,
        )

    def info(self, scope: str, step: Step, what: str, times: int = 1) -> Info:
        counts = self.counts(step, times)
        return Info(
            scope=f"{scope}/{step.name}" if scope else step.name,
            what=what,
            shape=shape_words(step.type),
            parameters=counts.parameters,
            macs=counts.macs,
            spec=spec_words(step.body.origin if isinstance(step.body, Block) else step.origin),
            count=times,
        )
