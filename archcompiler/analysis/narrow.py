"""Convolutions that a CPU is not to train with channels last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from archcompiler.ir import Block, Graph, fold
from archcompiler.ops import Operator
from archcompiler.ops.conv import Conv
from archcompiler.ops.sides import spread

VECTOR: Final = 16
"""Numbers that a vector of the processor holds, by which oneDNN takes channels."""


def narrow_strided(graph: Graph) -> bool:
    """Whether a 1×1 convolution with a stride reads fewer channels than a vector holds.

    With channels last, oneDNN computes the gradient of its weights beyond the end of the memory
    that it has for it: wrong numbers, or the end of the process (its issue 6035, in PyTorch 2.13).
    """

    def rule(below: Callable[[Block], bool], block: Block) -> bool:
        return any(
            below(s.body) if isinstance(s.body, Block) else _narrow(s.body) for s in block.steps
        )

    return graph.input.dims == 2 and fold(rule)(graph.root)


def _narrow(op: Operator) -> bool:
    return isinstance(op, Conv) and is_narrow(op)


def is_narrow(conv: Conv) -> bool:
    """Whether it is such a convolution."""
    kernel, stride, padding = (spread(n, 2) for n in (conv.kernel, conv.stride, conv.padding))
    shape = kernel == (1, 1) and stride != (1, 1) and padding == (0, 0)
    return shape and conv.groups == 1 and conv.in_channels < VECTOR
