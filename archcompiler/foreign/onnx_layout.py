"""Operators of ONNX that lay elements out in another way, as calls of PyTorch."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from math import prod
from typing import Final

import torch
import torch.nn.functional as F

from archcompiler.backends.reading import UnknownOperation
from archcompiler.foreign.onnx_node import Call, OnnxNode


def _flatten(node: OnnxNode) -> Call:
    if node.option("axis", 1) != 1:
        raise UnknownOperation("a Flatten that mixes the images of a batch")
    return torch.flatten, (node.node(), 1), {}


def _reshape(node: OnnxNode) -> Call:
    """Another view of each image, or the row of all elements that a `Gather` lays out again."""
    source = node.graph.views.get(node.name(0))
    if node.node().target is F.group_norm and source is not None:
        # As it is written here, it has the shape of its input already.
        if node.shape() != node.graph.shape(source):
            raise UnknownOperation("a group norm in another shape than its input's")
        return None, (node.node(),), {}
    node.graph.views[node.outputs[0]] = node.name(0)
    images, *before = node.graph.shape(node.name(0))
    said = node.numbers(1) if node.name(1) in node.graph.constants else None
    if said == [-1]:
        return torch.flatten, (node.node(),), {}
    first, *sides = node.shape()
    kept = said is not None and said[0] == 0
    if not (kept or first == images or _is_whole(before, sides)):
        raise UnknownOperation("a Reshape that mixes the images of a batch")
    if len(sides) == 1:
        return torch.flatten, (node.node(), 1), {}
    return torch.reshape, (node.node(), (-1, *node.sides(1))), {}


def _is_whole(before: list[int | None], after: list[int | None]) -> bool:
    """Whether each image keeps its elements."""
    known = [[side for side in sides if side is not None] for sides in (before, after)]
    return known == [before, after] and prod(known[0]) == prod(known[1])


def _again(node: OnnxNode) -> Call:
    """Axes of 1 that come or go."""
    return torch.reshape, (node.node(), (-1, *node.sides(1))), {}


def _gather(node: OnnxNode) -> Call:
    """One of an axis; or a whole row in order, by which an exporter says a view of memory."""
    places, rank = node.constant(1), len(node.graph.shape(node.name(0)))
    axis = node.option("axis", 0) % rank
    source = node.graph.views.get(node.name(0))
    if source is not None and axis == 0 and rank == 1:
        in_order = torch.equal(places.flatten(), torch.arange(places.numel()))
        if in_order and tuple(places.shape) == node.graph.shape(source):
            return None, (node.graph.node(source),), {}
    if places.dim() or axis == 0:
        raise UnknownOperation("a Gather of more than one of an axis")
    return operator.getitem, (node.node(), (*_every(axis), int(places))), {}


def _every(axis: int) -> tuple[slice, ...]:
    """All of the axes before one."""
    return (slice(None),) * axis


def _slice(node: OnnxNode) -> Call:
    starts, ends = node.numbers(1), node.numbers(2)
    axes = node.numbers(3) if node.has(3) else [*range(len(starts))]
    steps = node.numbers(4) if node.has(4) else [1] * len(starts)
    shape = node.graph.shape(node.name(0))
    axis = axes[0] % len(shape)
    if len(axes) != 1 or axis == 0:
        raise UnknownOperation("a Slice of several axes, or of the images")
    side = shape[axis]
    end = None if side is not None and ends[0] >= side else ends[0]
    part = slice(starts[0] or None, end, None if steps[0] == 1 else steps[0])
    return operator.getitem, (node.node(), (*_every(axis), part)), {}


def _split(node: OnnxNode) -> Call:
    axis = node.option("axis", 0)
    if node.has(1):
        return torch.split, (node.node(), node.numbers(1), axis), {}
    side = node.graph.shape(node.name(0))[axis]
    if side is None:
        raise UnknownOperation(f"the file does not say the size of `{node.name(0)}`")
    return torch.split, (node.node(), -(-side // len(node.outputs)), axis), {}


def _transpose(node: OnnxNode) -> Call:
    return torch.permute, (node.node(), tuple(node.options["perm"])), {}


def _expand(node: OnnxNode) -> Call:
    return "expand", (node.node(), -1, *node.sides(1)), {}


def _concat(node: OnnxNode) -> Call:
    return torch.cat, (node.nodes(), node.options["axis"]), {}


def _depth_to_space(node: OnnxNode) -> Call:
    if node.word("mode", "DCR") != "CRD":
        raise UnknownOperation("a DepthToSpace in another order than PyTorch's")
    return F.pixel_shuffle, (node.node(), node.options["blocksize"]), {}


WORDS: Final[Mapping[str, Callable[[OnnxNode], Call]]] = {
    "Concat": _concat,
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _again,
    "Transpose": _transpose,
    "Unsqueeze": _again,
}
