"""Which steps of a block are beside the trunk: those that only decide what a mask weighs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from archcompiler.ir import Block, Step

MASK: Final = "mask"
"""Role of an input that weighs another, as operators state it."""


def roles(step: Step) -> tuple[str, ...]:
    """The role of each input of a step; that of a block is data."""
    count = len(step.inputs)
    return ("data",) * count if isinstance(step.body, Block) else step.body.roles(count)


def trunk_inputs(step: Step) -> tuple[str, ...]:
    """The inputs of a step that are not masks."""
    if isinstance(step.body, Block):
        return step.inputs
    inputs = zip(step.inputs, roles(step), strict=True)
    return tuple(name for name, role in inputs if role != MASK)


def beside_trunk(block: Block) -> frozenset[str]:
    """Names of the steps that lead to the output only as a mask.

    Only for a block whose structure holds. What is below such a step is beside the trunk as well.
    """
    if not _weighs(block):
        return frozenset()
    trunk = {block.output}
    for step in reversed(block.steps):
        if step.name in trunk:
            trunk.update(trunk_inputs(step))
    return frozenset(step.name for step in block.steps if step.name not in trunk)


def has_mask(below: Callable[[Block], bool], block: Block) -> bool:
    """Whether an operator in the block or below it has a mask: a rule for `fold`."""
    return _weighs(block) or any(below(s.body) for s in block.steps if isinstance(s.body, Block))


def _weighs(block: Block) -> bool:
    return any(not isinstance(s.body, Block) and MASK in roles(s) for s in block.steps)
