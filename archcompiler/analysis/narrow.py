"""Convolutions that a CPU is not to train with channels last."""

from __future__ import annotations

from typing import Final

from archcompiler.ir import Graph
from archcompiler.ops.conv import Conv
from archcompiler.ops.sides import spread

VECTOR: Final = 16
"""Numbers that a vector of the processor holds, by which oneDNN takes channels."""


def narrow_strided(graph: Graph) -> bool:
    """Whether a 1×1 convolution with a stride reads fewer channels than a vector holds.

    With channels last, oneDNN computes the gradient of its weights beyond the end of the memory
    that it has for it: wrong numbers, or the end of the process (its issue 6035, in PyTorch 2.13).
    """
    return graph.input.dims == 2 and any(
        isinstance(node.op, Conv) and is_narrow(node.op) for node in graph.nodes()
    )


def is_narrow(conv: Conv) -> bool:
    """Whether it is such a convolution."""
    kernel, stride, padding = (spread(n, 2) for n in (conv.kernel, conv.stride, conv.padding))
    shape = kernel == (1, 1) and stride != (1, 1) and padding == (0, 0)
    return shape and conv.groups == 1 and conv.in_channels < VECTOR
