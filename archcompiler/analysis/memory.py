"""Which feature maps autograd keeps, without flattening the graph.

Values that share memory are one *storage*, named after the step that made it: a map that several
operators keep is kept once, and an empty run of units hands its input on. A block tells its
surroundings only three things, so that equal blocks are looked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from archcompiler.ir import INPUT, Block, Step, TensorType


class Storages(NamedTuple):
    """Memory inside one block."""

    of: dict[str, str]
    """The storage of each value, by the name of the step that made it, or `INPUT`."""
    kept: frozenset[str]
    """Storages that an operator of this block keeps."""
    output: str

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


def storages(below: Callable[[Block], Storages], block: Block) -> Storages:
    """Storages of `block`: a rule for `fold`."""
    of = {INPUT: INPUT}
    kept: set[str] = set()
    for step in block.steps:
        first = of[step.inputs[0]]
        if isinstance(step.body, Block):
            inner = below(step.body)
            of[step.name] = first if inner.passes_through else step.name
            if inner.keeps_input:
                kept.add(first)
            if inner.keeps_output:
                kept.add(of[step.name])
        else:
            of[step.name] = first if step.body.view else step.name
            saved = step.body.saved(input_types(block, step), step.type)
            kept.update(of[step.inputs[i]] for i in saved.inputs)
            if saved.output:
                kept.add(of[step.name])
    return Storages(of, frozenset(kept), of[block.output])


def keeps_input(known: Callable[[Block], Storages], block: Block, step: Step) -> bool:
    """Whether `step` itself keeps the memory of the block's input."""
    of = known(block).of
    first = of[step.inputs[0]]
    if isinstance(step.body, Block):
        return first == INPUT and known(step.body).keeps_input
    saved = step.body.saved(input_types(block, step), step.type)
    return any(of[step.inputs[i]] == INPUT for i in saved.inputs)


def graded_inputs(graded: Mapping[str, bool], step: Step) -> tuple[bool, ...]:
    """Whether each input of a step has a gradient; one that gives its size alone has none."""
    if isinstance(step.body, Block):
        return (graded[step.inputs[0]],)
    roles = step.body.roles(len(step.inputs))
    return tuple(graded[x] and r != "size" for x, r in zip(step.inputs, roles, strict=True))


def input_types(block: Block, step: Step) -> tuple[TensorType, ...]:
    return tuple(block.type_of(name) for name in step.inputs)
