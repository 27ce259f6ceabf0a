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
COPIES: Final[tuple[object, ...]] = ("contiguous", "clone", torch.clone)


def order_of(node: fx.Node, rank: int) -> tuple[int, ...] | None:
    """The order that a call brings axes into."""
    given = [*node.args[1:], *node.kwargs.values()]
    if node.target in PERMUTES:
        axes: Any = given[0] if len(given) == 1 else given
        if isinstance(axes, tuple | list) and all(isinstance(axis, int) for axis in axes):
            return tuple(axis % rank for axis in axes)
    if node.target in SWAPS and len(given) == 2:
        order = list(range(rank))
        a, b = given
        if not isinstance(a, int) or not isinstance(b, int):
            return None
        order[a], order[b] = order[b], order[a]
        return tuple(order)
    return None
