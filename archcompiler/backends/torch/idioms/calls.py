"""Calls that lay a tensor out in another way, by all names that torch has for them."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import fx

VIEWS: Final[tuple[object, ...]] = ("view", "reshape", torch.reshape)
UNSQUEEZES: Final[tuple[object, ...]] = ("unsqueeze", torch.unsqueeze)
SQUEEZES: Final[tuple[object, ...]] = ("squeeze", torch.squeeze)
FLATTENS: Final[tuple[object, ...]] = ("flatten", torch.flatten)
UNFLATTENS: Final[tuple[object, ...]] = ("unflatten", torch.unflatten)
PERMUTES: Final[tuple[object, ...]] = ("permute", torch.permute)
SWAPS: Final[tuple[object, ...]] = ("transpose", torch.transpose, "swapaxes", torch.swapaxes)
MOVES: Final[tuple[object, ...]] = ("movedim", torch.movedim, "moveaxis", torch.moveaxis)
EXPANDS: Final[tuple[object, ...]] = ("expand", "expand_as")
COPIES: Final[tuple[object, ...]] = ("contiguous", "clone", torch.clone)


def order_of(node: fx.Node, rank: int) -> tuple[int, ...] | None:
    """The order that a call brings axes into."""
    given: list[Any] = [*node.args[1:], *node.kwargs.values()]
    if node.target in PERMUTES:
        axes = given[0] if len(given) == 1 else given
        if isinstance(axes, tuple | list) and all(isinstance(axis, int) for axis in axes):
            return tuple(axis % rank for axis in axes)
    if len(given) != 2 or not all(isinstance(axis, int) for axis in given):
        return None
    a, b = (axis % rank for axis in given)
    order = list(range(rank))
    if node.target in SWAPS:
        order[a], order[b] = order[b], order[a]
        return tuple(order)
    if node.target in MOVES:
        order.insert(b, order.pop(a))
        return tuple(order)
    return None
