"""Operators whose gradients PyTorch cannot compute with channels last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from archcompiler.analysis.memory import Graded
from archcompiler.ir import Block, Graph, fold
from archcompiler.ops import Operator
from archcompiler.ops.conv import Conv
from archcompiler.ops.norm import GroupNorm
from archcompiler.ops.sides import spread

VECTOR: Final = 16
"""Numbers that a vector of the processor holds, by which oneDNN takes channels."""


def narrow_strided(graph: Graph) -> bool:
    """Whether a 1×1 convolution with a stride reads fewer channels than a vector holds.

    With channels last, oneDNN computes the gradient of its weights beyond the end of the memory
    that it has for it: wrong numbers, or the end of the process (its issue 6035, in PyTorch 2.13).
    """
    return graph.input.dims == 2 and _has(graph, is_narrow)


def normed_images(graph: Graph) -> bool:
    """Whether a GroupNorm reads a map that needs no gradient, as images do.

    PyTorch 2.13 crashes in its backward pass if that has channels last.
    """
    if not _has(graph, _is_group_norm):
        return False
    nodes = list(graph.nodes())
    graded = Graded(nodes)
    return any(_is_group_norm(node.op) and not any(graded.inputs(node)) for node in nodes)


def _has(graph: Graph, test: Callable[[Operator], bool]) -> bool:
    """Whether some operator passes a test; those of equal blocks are looked at once."""

    def rule(below: Callable[[Block], bool], block: Block) -> bool:
        return any(
            below(s.body) if isinstance(s.body, Block) else test(s.body) for s in block.steps
        )

    return fold(rule)(graph.root)


def _is_group_norm(op: Operator) -> bool:
    return isinstance(op, GroupNorm)


def is_narrow(op: Operator) -> bool:
    """Whether it is a 1×1 convolution with a stride that reads so few channels."""
    if not isinstance(op, Conv):
        return False
    kernel, stride, padding = (spread(n, 2) for n in (op.kernel, op.stride, op.padding))
    shape = kernel == (1, 1) and stride != (1, 1) and padding == (0, 0)
    return shape and op.groups == 1 and op.in_channels < VECTOR
