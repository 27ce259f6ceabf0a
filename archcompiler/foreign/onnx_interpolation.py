"""Linear interpolation in one dimension, which torch writes to ONNX as `a + (b - a) * weights` of
the positions on the left and on the right of each.
"""

from __future__ import annotations

import operator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from archcompiler.backends.reading import UnknownOperation
from archcompiler.foreign.onnx_node import Call, OnnxNode

_POSITIONS_FIRST, _POSITIONS_LAST = [2, 0, 1], [1, 2, 0]


class _Taken(NamedTuple):
    """Positions of a map, in the order in which they are taken."""

    map: str
    places: Tensor


def gathered(node: OnnxNode) -> Call:
    """Some positions, where they are the first axis."""
    places = node.constant(1)
    if node.option("batch_dims", 0) or places.dim() != 2 or places.shape[1] != 1:
        raise UnknownOperation("a GatherND of more than one axis")
    return operator.getitem, (node.node(), places.flatten().tolist()), {}


def interpolated(node: OnnxNode) -> Call | None:
    """What a sum is as an interpolation; None if it is none."""
    for start, change in (node.inputs, node.inputs[::-1]):
        for difference, name in _both_ways(node.inputs_of(change, "Mul")):
            end, begin = node.inputs_of(difference, "Sub") or ("", "")
            weights = node.graph.constants.get(name)
            left, right = _taken(node, start), _taken(node, end)
            if begin != start or weights is None or left is None or right is None:
                continue
            if left.map == right.map:
                return _by(node, left, right.places, weights)
    return None


def _both_ways(pair: list[str] | None) -> list[list[str]]:
    return [] if pair is None else [pair, pair[::-1]]


def _taken(node: OnnxNode, name: str) -> _Taken | None:
    rows = node.inputs_of(name, "Transpose", perm=_POSITIONS_LAST)
    taken = rows and node.inputs_of(rows[0], "GatherND")
    maps = taken and node.inputs_of(taken[0], "Transpose", perm=_POSITIONS_FIRST)
    if not taken or not maps:
        return None
    return _Taken(maps[0], node.graph.constants[taken[1]].flatten())


def _by(node: OnnxNode, left: _Taken, right: Tensor, weights: Tensor) -> Call:
    """The interpolation that goes to these positions. Raises UnknownOperation if none does."""
    side, size = node.graph.shape(left.map)[2], node.sides()
    steps = right - left.places
    if side is not None and weights.shape == steps.shape and bool((steps * (1 - steps) == 0).all()):
        found = left.places + steps * weights.double()
        ramp = torch.arange(side, dtype=torch.float64).view(1, 1, -1)
        for corners in (True, False):
            # Of a map whose numbers are its positions, what is between them are positions too.
            wanted = F.interpolate(ramp, size, mode="linear", align_corners=corners)
            if torch.allclose(wanted.flatten(), found, rtol=0, atol=1e-5 * side):
                named = {"size": size, "mode": "linear", "align_corners": corners}
                return F.interpolate, (node.graph.node(left.map),), named
    raise UnknownOperation("an interpolation to other positions than PyTorch's")
