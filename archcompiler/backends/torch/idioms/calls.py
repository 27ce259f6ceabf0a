"""Calls by all names that torch has for them, and in which order one puts the axes of a tensor."""

from __future__ import annotations

import operator
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import fx

SUMS: Final[tuple[object, ...]] = (operator.add, torch.add, "add")
DIFFERENCES: Final[tuple[object, ...]] = (operator.sub, torch.sub, "sub")
PRODUCTS: Final[tuple[object, ...]] = (operator.mul, torch.mul, "mul")
QUOTIENTS: Final[tuple[object, ...]] = (operator.truediv, torch.div, "div")
POWERS: Final[tuple[object, ...]] = (operator.pow, torch.pow, "pow")
SQUARES: Final[tuple[object, ...]] = (torch.square, "square")
CLAMPS: Final[tuple[object, ...]] = ("clamp", torch.clamp, "clip", torch.clip)

MEANS_ALONG: Final[tuple[object, ...]] = ("mean", torch.mean)
SUMS_ALONG: Final[tuple[object, ...]] = ("sum", torch.sum)
MAXIMA_ALONG: Final[tuple[object, ...]] = ("amax", torch.amax)
MAXIMA: Final[tuple[object, ...]] = ("max", torch.max)
"""Of two maps, or along an axis, with their indices."""
SOFTMAXES: Final[tuple[object, ...]] = ("softmax", torch.softmax, F.softmax)

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


def channels_last(dims: int) -> tuple[int, ...]:
    """The order that puts the channels of a map of so many axes last."""
    return (0, *range(2, dims + 2), 1)


def channels_first(dims: int) -> tuple[int, ...]:
    """The order that puts them first again."""
    return (0, dims + 1, *range(1, dims + 1))
