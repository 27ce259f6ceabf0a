"""Which feature maps autograd keeps, without flattening the graph.

Values that share memory are one *storage*, named after the step that made it: a map that several
operators keep is kept once, and an empty run of units hands its input on. A block tells its
surroundings only four things, so that equal blocks are looked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from archcompiler.ir import INPUT, Block, Node, Step, TensorType
from archcompiler.ops.base import Operator


class Storages(NamedTuple):
    """Memory inside one block, whose input has a gradient or not."""

    of: dict[str, str]
    """The storage of each value, by the name of the step that made it, or `INPUT`."""
    kept: frozenset[str]
    """Storages that an operator of this block keeps."""
    output: str
    graded: dict[str, bool]
    """Whether each value has a gradient: an image has none, nor what is made of it alone."""

    @property
    def gives_gradient(self) -> bool:
        """Whether the output has a gradient."""
        return self.graded[self.output]

    @property
    def keeps_input(self) -> bool:
        return INPUT in self.kept

    @property
    def keeps_output(self) -> bool:
        return self.output in self.kept

    @property
    def passes_through(self) -> bool:
        """Whether the output is the memory of the input."""
        return self.output == INPUT


def storages(below: Callable[[Block, bool], Storages], block: Block, gradient: bool) -> Storages:
    """Storages of `block`, whose input has a gradient or not: a rule for `fold`."""
    of, graded = {INPUT: INPUT}, {INPUT: gradient}
    kept: set[str] = set()
    for step in block.steps:
        first, has_gradient = of[step.inputs[0]], graded_inputs(graded, step)
        if isinstance(step.body, Block):
            inner = below(step.body, *has_gradient)
            graded[step.name] = inner.gives_gradient
            of[step.name] = first if inner.passes_through else step.name
            if inner.keeps_input:
                kept.add(first)
            if inner.keeps_output:
                kept.add(of[step.name])
        else:
            of[step.name] = first if step.body.view else step.name
            graded[step.name] = any(has_gradient) or step.body.parameters > 0
            saved = step.body.kept(input_types(block, step), step.type, has_gradient)
            kept.update(of[step.inputs[i]] for i in saved.inputs)
            if saved.output:
                kept.add(of[step.name])
    return Storages(of, frozenset(kept), of[block.output], graded)


def keeps_input(
    known: Callable[[Block, bool], Storages], block: Block, step: Step, gradient: bool
) -> bool:
    """Whether `step` itself keeps the memory of the block's input."""
    memory = known(block, gradient)
    of, has_gradient = memory.of, graded_inputs(memory.graded, step)
    if isinstance(step.body, Block):
        return of[step.inputs[0]] == INPUT and known(step.body, *has_gradient).keeps_input
    saved = step.body.kept(input_types(block, step), step.type, has_gradient)
    return any(of[step.inputs[i]] == INPUT for i in saved.inputs)


def graded_inputs(graded: Mapping[str, bool], step: Step) -> tuple[bool, ...]:
    """Whether each input of a step has a gradient; one that gives its size alone has none."""
    if isinstance(step.body, Block):
        return (graded[step.inputs[0]],)
    return _graded(graded, step.body, step.inputs)


def _graded(graded: Mapping[str, bool], op: Operator, inputs: tuple[str, ...]) -> tuple[bool, ...]:
    roles = op.roles(len(inputs))
    return tuple([graded[x] and r != "size" for x, r in zip(inputs, roles, strict=True)])


class Graded:
    """Which maps of a flat network have a gradient."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.maps = {INPUT: False}
        self._inputs: dict[str, tuple[bool, ...]] = {}
        for node in nodes:
            inputs = _graded(self.maps, node.op, node.inputs)
            self._inputs[node.path] = inputs
            self.maps[node.path] = any(inputs) or node.op.parameters > 0

    def inputs(self, node: Node) -> tuple[bool, ...]:
        """Of an operator's inputs; one that gives its size alone has none."""
        return self._inputs[node.path]


def input_types(block: Block, step: Step) -> tuple[TensorType, ...]:
    return tuple(block.type_of(name) for name in step.inputs)
