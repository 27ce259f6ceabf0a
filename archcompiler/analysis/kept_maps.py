"""What autograd keeps of maps, where a plan has some of them made again in the backward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from archcompiler.analysis.held import Amount, Held
from archcompiler.analysis.recompute import Recomputation, chain_path, recalls, replays
from archcompiler.ir import INPUT, Node
from archcompiler.ops.activation import Relu
from archcompiler.ops.cost import Saved
from archcompiler.ops.norm import BatchNorm


class Beside(NamedTuple):
    """What an operator keeps beside maps: a mask, indices, the mean of a batch."""

    path: str


What: TypeAlias = str | Beside
"""A map, by the operator that makes it, or what is kept beside it."""


class KeptMaps:
    """What is there for the backward pass, and what waits to be made for it."""

    def __init__(
        self,
        nodes: tuple[Node, ...],
        plan: Recomputation | None,
        storage: Mapping[str, str],
        maps: Mapping[str, Amount],
    ) -> None:
        self.plan, self.storage, self.maps = plan, storage, maps
        self.held = Held()
        self.sizes: dict[What, Amount] = {}
        """Of all that is kept."""
        self.unmade: dict[What, int] = {}
        """What is to be made again, by how many wait for it."""
        self.sources: dict[What, list[str]] = {}
        """What each of that is made from."""
        self.norms = {node.path: node for node in nodes if isinstance(node.op, BatchNorm)}
        self.fused = {} if plan is None else self._fused(nodes, plan)
        """Batch norms by the ReLU that is made again with each, in place and for nothing else."""

    def _fused(self, nodes: tuple[Node, ...], plan: Recomputation) -> dict[str, str]:
        maps, readers = plan.maps, Counter(x for node in nodes for x in node.inputs)
        return {
            node.path: x
            for node in nodes
            for x in node.inputs[:1]
            if isinstance(node.op, Relu)
            and x in self.norms
            and maps[node.path] == maps[x] == "again"
            and readers[x] == 1
        }

    @property
    def amount(self) -> Amount:
        """Bytes that are there."""
        return self.held.amount

    def foresee(self, node: Node, saved: Saved) -> None:
        """What of an operator is to be made again, for which its sources are held."""
        if self.plan is None:
            return
        if self.plan.maps[node.path] == "again":
            self.unmade[node.path] = 0
            self.sources[node.path] = list(self._made_from(node))
        if recalls(node.op, saved) and chain_path(node) in self.plan.blocks:
            beside, with_map = Beside(node.path), node.path in self.unmade
            self.unmade[beside] = 0
            self.sources[beside] = [] if with_map else list(self._made_from(node))

    def _made_from(self, node: Node) -> Iterator[str]:
        if node.path in self.fused.values():
            return
        node = self.norms.get(self.fused.get(node.path, ""), node)
        for i in replays(node.op, len(node.inputs)):
            name = self.storage[node.inputs[i]]
            if name != INPUT:
                self.keep(name, self.maps[name])
                yield name

    def keep(self, what: What, size: Amount) -> None:
        """For one more who reads it; as soon as it is made, where it is made again."""
        self.sizes[what] = size
        if what in self.unmade:
            self.unmade[what] += 1
        else:
            self.held.hold(what, size)

    def drop(self, what: What) -> None:
        """By one who has read it, or will not."""
        if what in self.unmade:
            self.unmade[what] -= 1
        else:
            self.held.drop(what)

    def make(self, what: What) -> Iterator[str]:
        """Make something again, after all that it is made from, and name each operator then."""
        stack = [what] if what in self.unmade else []
        while stack:
            before = [source for source in self.sources[stack[-1]] if source in self.unmade]
            stack += before
            if not before and (made := stack.pop()) in self.unmade:
                path = made.path if isinstance(made, Beside) else made
                for new in (made, Beside(path)):  # what is kept beside a map comes with it
                    for _ in range(self.unmade.pop(new, 0)):
                        self.held.hold(new, self.sizes[new])
                yield path
                for source in self.sources[made]:
                    self.drop(source)
