"""What would fit instead: channels that the options of a block divide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from archcompiler.ir import Block, TensorType
from archcompiler.ir.kinds import MASK, UNIT
from archcompiler.language.definition import NONE
from archcompiler.language.target import Dialect
from archcompiler.language.use import Reference, Use, frozen
from archcompiler.lower.context import MAX_STEPS, Context, EndlessBlocks, TooLarge
from archcompiler.ops import ShapeError

_NEAR = 512
"""How far from the channels of a block that does not fit others are tried."""
_OPERATORS = 100_000


class Fitting:
    """Tries units and masks at other channels, with as many steps in all as a network may have."""

    def __init__(self) -> None:
        self._left = MAX_STEPS
        self._known: dict[tuple[Any, ...], bool] = {}

    def near(self, block: Block) -> str | None:
        """The nearest channels below and above at which a block can be built, as a help."""
        use = block.use
        if not isinstance(use, Use) or block.kind not in (UNIT, MASK) or not isinstance(use.c, int):
            return None
        below = self._first(block, use, range(use.c - 1, max(0, use.c - _NEAR), -1))
        above = self._first(block, use, range(use.c + 1, use.c + _NEAR))
        near = [f"{c}" for c in (below, above) if c is not None]
        return f"the nearest channels that fit: {' and '.join(near)}" if near else None

    def _first(self, block: Block, use: Use, channels: Iterable[int]) -> int | None:
        definition, kept = use.definition, use.cin == use.c
        # Wherever in a network it stands, and however often, a block fits the same channels.
        alike = definition.name, definition.home, frozen(use.given), use.stride, block.input.size
        for c in channels:
            cin = c if kept else use.cin
            key = *alike, cin, c
            if key not in self._known:
                if self._left <= 0:
                    return None
                self._known[key] = self._fits(replace(use, c=c, cin=cin), block.input.size)
            if self._known[key]:
                return c
        return None

    def _fits(self, use: Use, size: tuple[int, ...]) -> bool:
        dialect = Dialect(use.library, len(size), Reference(NONE), Reference(NONE))
        context = Context(dialect, _OPERATORS)
        try:
            built = context.block(use, TensorType(use.cin, *size))
        except (TooLarge, EndlessBlocks):
            return False
        finally:
            self._left -= max(context.made, len(use.definition.steps))
        return not any(mistaken(inner) for _, inner in built.blocks())


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
