"""How many positions of a map go by from one position of what is made of it to the next."""

from __future__ import annotations

from collections.abc import Callable

from archcompiler.ir.fold import fold
from archcompiler.ir.graph import INPUT, Block


def _stride(below: Callable[[Block, int], float], block: Block, axis: int) -> float:
    known: dict[str, float] = {INPUT: 1}
    for step in block.steps:
        if isinstance(step.body, Block):
            known[step.name] = known[step.inputs[0]] * below(step.body, axis)
            continue
        roles = step.body.roles(len(step.inputs))
        if "size" in roles:
            # What is resampled to the size of another map has that map's grid.
            known[step.name] = known[step.inputs[roles.index("size")]]
            continue
        widest = max(step.inputs, key=lambda name: block.type_of(name).size[axis])
        size = block.type_of(widest).size[axis]
        known[step.name] = known[widest] * step.body.step(size, step.type.size[axis], axis)
    return known[block.output]


def stride(block: Block, axis: int = -1) -> int:
    """Positions of a block's input from one position of its output to the next, at least 1."""
    return max(1, int(fold(_stride)(block, axis % block.input.dims)))
