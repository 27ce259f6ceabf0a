"""Blocks, their steps, and the graph of a whole network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from archcompiler.config.path import SpecPath
from archcompiler.ir.types import TensorType

if TYPE_CHECKING:
    import networkx as nx

    from archcompiler.ops.base import Operator

INPUT = "x"
"""Name by which the steps of a block refer to the block's input."""


class Step(NamedTuple):
    """One line of a block: `name = body(*inputs)`, where each input names a step or `INPUT`."""

    name: str
    body: Operator | Block
    inputs: tuple[str, ...]
    type: TensorType
    origin: SpecPath = ()


class Problem(NamedTuple):
    """Why a block cannot be what its spec says."""

    code: str
    message: str
    origins: tuple[SpecPath, ...] = ()
    """Values of the spec that may be to blame; the first that is written there is."""
    columns: tuple[int, int] | None = None
    """The part of the text of the first one that is meant."""
    help: str | None = None


@dataclass(frozen=True, eq=False)
class Block:
    """A scope: one input, one output, steps between."""

    kind: str
    """What it is in the network; see `archcompiler.ir.kinds`."""
    input: TensorType
    steps: tuple[Step, ...]
    output: str
    origin: SpecPath = ()
    problems: tuple[Problem, ...] = ()
    name: str = ""
    """The block of the language that it was made from; empty for a network, a stage, a row."""
    options: Mapping[str, object] = field(default_factory=dict)
    """The numbers, words and truth values that it was made with."""
    use: object = field(default=None, repr=False)
    """What made it, for whoever prints it."""

    @cached_property
    def operator_count(self) -> int:
        """Primitive operators below this scope, without visiting shared blocks twice."""
        return sum(s.body.operator_count if isinstance(s.body, Block) else 1 for s in self.steps)

    @property
    def output_type(self) -> TensorType:
        return self.type_of(self.output)

    def type_of(self, name: str) -> TensorType:
        return self.input if name == INPUT else self._steps_by_name[name].type

    def step(self, name: str) -> Step:
        """The step called `name`. Raises KeyError if there is none."""
        return self._steps_by_name[name]

    @cached_property
    def _steps_by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    def blocks(
        self, path: str = "", enters: Callable[[Block], bool] = lambda _: True
    ) -> Iterator[tuple[str, Block]]:
        """This block, which stands at `path`, and each distinct one below it with its first path.

        Outermost first. What is below a block that `enters` declines is left out.
        """
        seen: set[Block] = set()
        stack: list[tuple[str, Block]] = [(path, self)]
        while stack:
            path, block = stack.pop()
            if block in seen:
                continue
            seen.add(block)
            yield path, block
            if enters(block):
                stack.extend(
                    (f"{path}/{step.name}" if path else step.name, step.body)
                    for step in reversed(block.steps)
                    if isinstance(step.body, Block)
                )

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """This scope alone as a graph: its steps, its input `INPUT`, and edges with roles.

        A step input that no step writes becomes an edge from a node without a `step` attribute.
        """
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        graph.add_node(INPUT, type=self.input)
        for step in self.steps:
            graph.add_node(step.name, step=step, type=step.type)
        for step in self.steps:
            for producer in step.inputs:
                graph.add_edge(producer, step.name)
        return graph


class Node(NamedTuple):
    """One operator of the flat view, with its full path (`stage1/attention1/pre/unit1/conv1`)."""

    path: str
    op: Operator
    inputs: tuple[str, ...]
    type: TensorType
    origin: SpecPath
    kinds: tuple[str, ...]
    """Kinds of the enclosing blocks, outermost first."""

    @property
    def scope(self) -> str:
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole network, lowered at one input size."""

    name: str
    root: Block

    @property
    def input(self) -> TensorType:
        return self.root.input

    def blocks(self) -> Iterator[tuple[str, Block]]:
        """Each distinct block once, outermost first, with the path where it is first used."""
        return self.root.blocks()

    def nodes(self) -> Iterator[Node]:
        """Every operator in topological order; the network's own input is the path `INPUT`.

        Only for a graph that passed its checks: a dangling input raises KeyError.
        """
        return iter(self._nodes)

    @cached_property
    def _nodes(self) -> list[Node]:
        nodes: list[Node] = []
        _flatten(self.root, "", INPUT, (self.root.kind,), nodes)
        return nodes

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """The flat graph: a node per operator, an edge per use with its `role`."""
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=self.name)
        graph.add_node(INPUT, op="input", attributes=(), type=self.input)
        for node in self.nodes():
            op = node.op
            graph.add_node(node.path, op=op.kind, attributes=op.attributes(), type=node.type)
            for role, producer in zip(op.roles(len(node.inputs)), node.inputs, strict=True):
                graph.add_edge(producer, node.path, role=role)
        return graph


def _flatten(
    block: Block, path: str, source: str, kinds: tuple[str, ...], nodes: list[Node]
) -> str:
    """Add every operator below `block`, entered from `source`; return the path of its output."""
    written = {INPUT: source}
    for step in block.steps:
        inner = f"{path}/{step.name}" if path else step.name
        inputs = tuple([written[name] for name in step.inputs])
        if isinstance(step.body, Block):
            within = (*kinds, step.body.kind)
            written[step.name] = _flatten(step.body, inner, inputs[0], within, nodes)
        else:
            nodes.append(Node(inner, step.body, inputs, step.type, step.origin, kinds))
            written[step.name] = inner
    return written[block.output]
