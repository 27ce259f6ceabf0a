"""Arithmetic of a forward pass, for the share of a GPU's peak that a run reaches."""

from __future__ import annotations

from archcompiler.ir import Graph
from archcompiler.ops.conv import Conv
from archcompiler.ops.linear import Linear


def multiply_accumulates(graph: Graph) -> int:
    """Of convolutions and linear layers, for one image at the spec's input size."""
    total = 0
    for node in graph.nodes():
        if isinstance(node.op, Conv):
            bias = node.op.out_channels if node.op.bias else 0
            total += (node.op.parameters - bias) * node.type.pixels
        elif isinstance(node.op, Linear):
            total += node.op.in_features * node.op.out_features
    return total
