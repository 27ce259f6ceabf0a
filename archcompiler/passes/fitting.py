"""What would fit instead: channels that the options of a block divide."""

from __future__ import annotations

from dataclasses import replace

from archcompiler.ir import Block, TensorType
from archcompiler.ir.kinds import MASK, UNIT
from archcompiler.language.definition import NONE
from archcompiler.language.target import Dialect
from archcompiler.language.use import Reference, Use
from archcompiler.lower.context import Context
from archcompiler.ops import ShapeError

_NEAR = 512
"""How far from the channels of a block that does not fit others are tried."""
_OPERATORS = 100_000


def fitting_channels(block: Block) -> str | None:
    """The nearest channels below and above at which a unit or a mask can be built, as a help."""
    use = block.use
    if not isinstance(use, Use) or block.kind not in (UNIT, MASK) or not isinstance(use.c, int):
        return None

    def fits(channels: int) -> bool:
        cin = channels if use.cin == use.c else use.cin
        other = replace(use, c=channels, cin=cin)
        dialect = Dialect(use.library, block.input.dims, Reference(NONE), Reference(NONE))
        input = TensorType(cin, *block.input.size)
        built = Context(dialect, _OPERATORS).block(other, input)
        return not any(mistaken(inner) for _, inner in built.blocks())

    below = next((c for c in range(use.c - 1, max(0, use.c - _NEAR), -1) if fits(c)), None)
    above = next((c for c in range(use.c + 1, use.c + _NEAR) if fits(c)), None)
    near = [f"{c}" for c in (below, above) if c is not None]
    return f"the nearest channels that fit: {' and '.join(near)}" if near else None


def mistaken(block: Block) -> bool:
    """Whether the options of a block do not fit its channels."""
    return bool(block.problems) or uneven(block) is not None


def uneven(block: Block) -> tuple[str, str] | None:
    """A step whose groups do not divide its channels, and what is wrong with it; None if all do."""
    for step in block.steps:
        if isinstance(step.body, Block):
            continue
        try:
            step.body.shape(tuple(block.type_of(name) for name in step.inputs))
        except ShapeError as problem:
            if problem.code == "E305":
                return step.name, problem.message
    return None
