"""Batch norms of a network, and what becomes of them in inference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archcompiler.ir import Block, Graph, fold
from archcompiler.ops.channelwise import Affine
from archcompiler.ops.norm import BatchNorm


@dataclass(frozen=True, slots=True)
class BatchNorms:
    """How many there are, and how many of them a convolution or linear layer takes in."""

    total: int
    folded: int

    @property
    def affine(self) -> int:
        """Those that stay, as a scale and a shift of each channel."""
        return self.total - self.folded

    def __str__(self) -> str:
        return f"{self.folded:,} of {self.total:,} batch norms folded"


def batch_norms(trained: Graph, deployed: Graph) -> BatchNorms:
    """Those of a network, given its graph as it is trained and as it is in inference."""
    total = _count(trained, BatchNorm)
    return BatchNorms(total, total - _count(deployed, Affine) + _count(trained, Affine))


def _count(graph: Graph, kind: type) -> int:
    def rule(below: Callable[[Block], int], block: Block) -> int:
        return sum(
            below(s.body) if isinstance(s.body, Block) else isinstance(s.body, kind)
            for s in block.steps
        )

    return fold(rule)(graph.root)
