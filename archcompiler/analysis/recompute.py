"""Which maps are kept for the backward pass when not all can be, and what is made again then.

Inside a block that *recomputes*, autograd keeps nothing but maps that are named. Every other map
that a derivative needs is made again, once, from the maps before it. A map is named after a layer
or a block that makes it, or else that reads it. The image is there anyway.

Work is what is computed again: multiply-accumulates, and one for each element of an operator that
has none. `archcompiler.analysis.planner` finds the least.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.memory import Graded
from archcompiler.ir import INPUT, Block, Graph, Node, Step, TensorType
from archcompiler.ir.kinds import STAGE
from archcompiler.ops import Operator
from archcompiler.ops.cost import BYTES, Saved

Status = Literal["kept", "again", "gone"]
"""What becomes of a map after the forward pass."""
READ: Final = ">"
"""Before the path of what reads a map that is named after it."""


@dataclass(frozen=True)
class Recomputation:
    """What a network keeps of a forward pass, and what it makes again."""

    blocks: Mapping[str, frozenset[str]]
    """Paths of the blocks that recompute, and for each those of the maps in it that it keeps."""
    maps: Mapping[str, Status]
    """What becomes of each map, by the path of the operator that makes it, and of the image."""
    image_bytes: int
    """Kept for each image, in float32."""
    macs: int
    """Computed again for each image."""
    elements: int
    """Computed again by operators without multiply-accumulates."""

    @property
    def work(self) -> int:
        return self.macs + self.elements


def usual_bytes(graph: Graph) -> int:
    """What autograd keeps of an image where nothing recomputes: that of `recomputed(graph, {})`."""
    return network_cost(graph).saved_image_bytes


def chain(graph: Graph) -> Iterator[tuple[str, Block]]:
    """What a network runs one after the other: stem, the blocks of the stages, head."""
    for step in graph.root.steps:
        block = step.body
        assert isinstance(block, Block)
        if block.kind != STAGE:
            yield step.name, block
            continue
        for inner in block.steps:
            assert isinstance(inner.body, Block)
            yield f"{step.name}/{inner.name}", inner.body


def recomputed(graph: Graph, blocks: Mapping[str, frozenset[str]]) -> Recomputation:
    """What comes of a choice: blocks that recompute, with the maps that they keep."""
    return _Outcome(graph, blocks).found()


def replays(op: Operator, count: int) -> tuple[int, ...]:
    """Inputs, by position, from which an operator's output is made again; of others a size."""
    return tuple(i for i, role in enumerate(op.roles(count)) if role != "size")


class WorkAgain(NamedTuple):
    """Multiply-accumulates, and elements where there are none."""

    macs: int = 0
    elements: int = 0


def recalls(op: Operator, saved: Saved) -> bool:
    """Whether what is kept of an operator beyond maps comes again when it is computed again."""
    return op.recalled and saved.image_bytes > 0


def work_again(
    op: Operator, inputs: tuple[TensorType, ...], output: TensorType, saved: Saved
) -> tuple[WorkAgain, WorkAgain]:
    """Of what comes again beside the map, and of the map after that."""
    work = op.work(inputs, output)
    whole = WorkAgain(work.macs, 0 if work.macs else output.numel)
    if not recalls(op, saved):
        return WorkAgain(), whole
    before = op.recall(inputs, output)
    return (whole, WorkAgain()) if before is None else (WorkAgain(0, before), whole)


class _Outcome:
    """A choice, followed operator by operator from the end."""

    def __init__(self, graph: Graph, blocks: Mapping[str, frozenset[str]]) -> None:
        self.graph, self.blocks = graph, blocks
        self.nodes = list(graph.nodes())
        self.types = {INPUT: graph.input} | {node.path: node.type for node in self.nodes}
        self.storage = {INPUT: INPUT}
        for node in self.nodes:
            first = self.storage[node.inputs[0]]
            self.storage[node.path] = first if node.op.view else node.path
        self.graded = Graded(self.nodes)
        self.kept = self._named()

    def _named(self) -> set[str]:
        """Maps that a block is told to keep, as their operators' paths."""
        made = names_of_maps(self.graph)
        names = {name for kept in self.blocks.values() for name in kept}
        return {made[name] for name in names}

    def found(self) -> Recomputation:
        maps: dict[str, Status] = {node.path: "gone" for node in self.nodes}
        needed: set[str] = set()
        beyond = macs = elements = 0
        for node in reversed(self.nodes):
            inputs = tuple(self.types[name] for name in node.inputs)
            sources = [self.storage[name] for name in node.inputs]
            recomputes = chain_path(node) in self.blocks
            saved = node.op.kept(inputs, node.type, self.graded.inputs(node))
            beside, again = work_again(node.op, inputs, node.type, saved)
            if recomputes and recalls(node.op, saved):
                macs, elements = macs + beside.macs, elements + beside.elements
            else:
                beyond += saved.image_bytes
            wanted = {sources[i] for i in saved.inputs}
            if recomputes:
                # A copy is made of its map when that is there.
                wanted |= {sources[i] for i in saved.copies}
            else:
                beyond += BYTES * saved.copied(inputs)
            wanted |= {self.storage[node.path]} if saved.output else set()
            if recomputes:
                needed |= wanted
            else:
                maps |= dict.fromkeys(wanted, "kept")
            if node.path not in needed or self.storage[node.path] != node.path:
                continue
            if not recomputes or node.op.random or node.path in self.kept:
                maps[node.path] = "kept"
                continue
            if maps[node.path] == "gone":
                maps[node.path] = "again"
            macs, elements = macs + again.macs, elements + again.elements
            needed |= {sources[i] for i in replays(node.op, len(sources))}
        if INPUT in needed:
            maps[INPUT] = "kept"
        kept = sum(BYTES * self.types[name].numel for name, s in maps.items() if s == "kept")
        return Recomputation(self.blocks, maps, kept + beyond, macs, elements)


def chain_path(node: Node) -> str:
    """The path of the block of the chain that an operator is in."""
    depth = 2 if len(node.kinds) > 1 and node.kinds[1] == STAGE else 1
    return "/".join(node.path.split("/")[:depth])


def is_module(step: Step) -> bool:
    """Whether a step has a name in a `state_dict`."""
    return isinstance(step.body, Block) or step.body.parameters > 0


def names_of_maps(graph: Graph, *, every: bool = False) -> dict[str, str]:
    """The operator that makes a map, by what the map or a view of it can be named after.

    That is a block or a layer, or `every` step: others may be modules too, which a name is not to
    be mistaken for.
    """
    found: dict[str, str] = {}
    _name_maps(graph.root, "", INPUT, found, every)
    return found


def _name_maps(block: Block, path: str, source: str, found: dict[str, str], every: bool) -> str:
    made = {INPUT: source}
    for step in block.steps:
        inner, read = f"{path}/{step.name}" if path else step.name, made[step.inputs[0]]
        if isinstance(step.body, Block):
            made[step.name] = _name_maps(step.body, inner, read, found, every)
        else:
            made[step.name] = read if step.body.view else inner
        if every or is_module(step):
            if made[step.name] != INPUT:
                found[inner] = made[step.name]
            if read != INPUT:
                found[READ + inner] = read
    return made[block.output]
