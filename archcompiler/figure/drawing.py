"""What the panels of one network share: its graph, its counts, and who links to whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from archcompiler.blocks import UNITS, UnitConfig
from archcompiler.compiler import CompiledNetwork
from archcompiler.figure.counts import Counter, Counts
from archcompiler.figure.metrics import printable
from archcompiler.figure.scene import Info
from archcompiler.figure.words import shape_words, spec_words
from archcompiler.ir import Block, Graph, Step
from archcompiler.spec.names import class_name


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
    def unit_types(self) -> frozenset[str]:
        """Registered names of all unit types of the network."""
        configs = (block.config for _, block in self.graph.blocks())
        return frozenset(c.unit.type for c in configs if isinstance(c, UnitConfig))

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
