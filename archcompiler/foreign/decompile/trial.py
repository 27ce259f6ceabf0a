"""Blocks lowered by themselves, to see whether they are what a run of operators is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archcompiler.diagnostics import CompileError
from archcompiler.foreign.canonical import canonical
from archcompiler.foreign.decompile.flow import Colours, Key
from archcompiler.ir import INPUT, Block, Graph, Step, TensorType
from archcompiler.language.definition import Definition
from archcompiler.language.library import Home, Library
from archcompiler.language.target import Dialect
from archcompiler.language.use import Reference, bind, frozen
from archcompiler.lower.context import Context, EndlessBlocks, TooLarge
from archcompiler.ops import ArgumentError, ShapeError
from archcompiler.verify.comparing import dataflow
from archcompiler.verify.isomorphism import Dataflow


@dataclass(frozen=True)
class Call:
    """A block with options, as a spec may name it."""

    name: str
    home: Home = "blocks"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> object:
        return self.name, self.home, frozen(self.options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def table(self, **more: Any) -> Any:
        """As a spec writes it."""
        options = {**more, **self.options}
        return {"type": self.name, **options} if options else self.name


@dataclass(frozen=True)
class Sizes:
    """What a block is called with."""

    input: TensorType
    c: int
    stride: int = 1
    classes: int | None = None


@dataclass(frozen=True)
class Tried:
    """What a block computes."""

    labels: Counter[int]
    key: Key
    view: Dataflow


class Trials:
    """Blocks of one library in one network's words, each lowered once."""

    def __init__(self, dialect: Dialect, colours: Colours) -> None:
        self.dialect, self.colours = dialect, colours
        self._context = Context(dialect, 0)
        self._known: dict[object, Tried | None] = {}

    @property
    def library(self) -> Library:
        return self.dialect.library

    def definition(self, call: Call) -> Definition:
        found = self.library.find(call.name, call.home)
        assert found is not None, call.name
        return found

    def tried(
        self, call: Call, sizes: Sizes, kind: str, offered: Mapping[str, Any], room: int
    ) -> Tried | None:
        """What a call computes; None for one that cannot be, or has more operators than `room`."""
        room = 1 << room.bit_length()
        key = call.key, sizes, kind, frozen(offered), room
        if key not in self._known:
            self._context.max_operators = room
            self._known[key] = self._lowered(call, sizes, kind, offered)
        return self._known[key]

    def _lowered(
        self, call: Call, sizes: Sizes, kind: str, offered: Mapping[str, Any]
    ) -> Tried | None:
        use = bind(
            self.definition(call),
            kind,
            Reference(call.name, call.options),
            offered,
            library=self.library,
            cin=sizes.input.channels,
            c=sizes.c,
            stride=sizes.stride,
            classes=sizes.classes,
        )
        self._context.restart()
        try:
            block = self._context.block(use, sizes.input)
        except (TooLarge, EndlessBlocks, ArgumentError, CompileError, ArithmeticError):
            return None
        if not block.steps or block.operator_count > self._context.max_operators:
            return None
        if any(_wrong(own) for _, own in block.blocks()):
            return None
        try:
            view = canonical(dataflow(Graph("tried", block)))
        except ShapeError:
            return None
        if set(view.graph.get("outputs", ())) - set(view):
            return None
        nodes = [node for node in view if node != INPUT]
        output = [node for node in nodes if not view.out_degree(node)]
        if len(output) != 1 or output[0] != nodes[-1]:
            return None
        key = self.colours.key(view, nodes, {INPUT: sizes.input})
        return Tried(self.colours.labels(view, nodes), key, view)


def _wrong(block: Block) -> bool:
    return bool(block.problems) or block.output_type.empty or not all(map(_fits, block.steps))


def _fits(step: Step) -> bool:
    """Whether an operator has as many inputs as it takes."""
    if isinstance(step.body, Block):
        return True
    least, most = step.body.arity
    return least <= len(step.inputs) <= (most or len(step.inputs))
