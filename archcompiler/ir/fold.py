"""One walk over shared blocks for everything that a block is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from archcompiler.ir.graph import Block

R = TypeVar("R")
Key = TypeVarTuple("Key")


def fold(
    rule: Callable[[Callable[[Block, *Key], R], Block, *Key], R],
) -> Callable[[Block, *Key], R]:
    """The function on blocks that `rule` defines, computed once for each block and key.

    `rule(value, block, *key)` makes the value of a block and calls `value(body, *key)` for the
    blocks among its steps. The key is what the value depends on beside the block: hashable, and
    often nothing. Blocks are told apart by identity. Values are remembered for as long as the
    returned function lives.
    """
    known: dict[tuple[Block, *Key], R] = {}

    def value(block: Block, *key: *Key) -> R:
        at = (block, *key)
        try:
            return known[at]
        except KeyError:
            pass
        known[at] = made = rule(value, block, *key)
        return made

    return value
