"""The intermediate representation: a tree of shared blocks over primitive operators.

A `Block` is a named scope with steps; a step is a primitive operator or another block. Equal
siblings are *one* block object, stepped into many times, so that a stage of ten thousand equal
attention modules costs as much memory and checking as a stage of one. `fold` computes what a block
is asked for under the same rule. `Graph.nodes()` is the flat view: every operator with its full
scope, in topological order.
"""

from archcompiler.ir.fold import fold
from archcompiler.ir.graph import (
    INPUT,
    Block,
    Graph,
    Node,
    Problem,
    Step,
)
from archcompiler.ir.types import TensorType

__all__ = [
    "INPUT",
    "Block",
    "Graph",
    "Node",
    "Problem",
    "Step",
    "TensorType",
    "fold",
]
