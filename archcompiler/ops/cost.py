"""What an operator states about its cost.

Everything is for one image. Counts are plain numbers, sizes are bytes of float32 unless an
operator says otherwise (the indices of a max pooling are int64).
"""

from __future__ import annotations

from typing import NamedTuple

from archcompiler.diagnostics import CompileError, error
from archcompiler.ir import TensorType

BYTES = 4
"""Bytes of a float32."""


class MissingRule(CompileError):
    """E315: an operator does not state something that is needed; a silent 0 would be a lie."""

    def __init__(self, kind: str, rule: str) -> None:
        message = f"operator `{kind}` states no `{rule}`"
        super().__init__(error("E315", message, help="define it beside its shape rule"))


class Work(NamedTuple):
    """Arithmetic of one operator in inference."""

    macs: int = 0
    """Multiply-accumulates of convolutions and linear layers, without bias."""
    fvcore_flops: int = 0
    """What fvcore counts for it: MACs, 2 per BN element, 4 per bilinear output, 1 per averaged."""
    elements: int = 0
    """Elements of operators that have no MACs: what they compute, for pooling what they read."""
    activations: int = 0
    """Output elements of convolutions and linear layers."""


class Saved(NamedTuple):
    """What autograd keeps of one operator's forward pass for its backward pass."""

    inputs: tuple[int, ...] = ()
    """Positions of the inputs that are kept. A map kept by several operators is kept once."""
    output: bool = False
    copies: tuple[int, ...] = ()
    """Positions of the inputs that are kept as a copy in another order of memory."""
    image_bytes: int = 0
    """Bytes beyond maps of the graph, for each image."""
    batch_bytes: int = 0
    """Bytes beyond maps of the graph that do not grow with the batch: statistics of BN."""
    typed: int = 0
    """Elements among `image_bytes` that have the type of maps, which autocast may change."""

    def copied(self, inputs: tuple[TensorType, ...]) -> int:
        """Elements of the copies, one image."""
        return sum(inputs[i].numel for i in self.copies)
