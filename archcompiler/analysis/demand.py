"""How much memory a training step needs at least, in arithmetic on the counts of a graph."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.analysis.total import Cost
from archcompiler.ops.cost import BYTES


@dataclass(frozen=True, slots=True)
class Demand:
    """Bytes on one device, at the end of a forward pass. A step peaks somewhat higher: the
    gradients of the largest maps and the workspace of kernels come on top.
    """

    weights: int
    """Parameters and buffers in float32."""
    gradients: int
    optimizer: int
    """Momentum, and what else it averages."""
    average: int
    """The moving average of parameters and buffers."""
    activations: int
    """What autograd keeps, of all images of a part."""

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.average + self.activations


def training_demand(
    cost: Cost,
    *,
    images: int,
    averages: int,
    average: bool,
    half: bool = False,
    recomputed: bool = False,
    kept: int | None = None,
    shards: int = 1,
) -> Demand:
    """The demand of a network, by its summed cost, with so many images at a time.

    The optimizer keeps so many `averages` of each gradient. In float32 what is kept of activations
    is exact; it is `kept` bytes an image where a plan says so. With autocast (`half`) no map is
    smaller than half of that; what is `recomputed`, by checkpointing or a compiler, is taken for
    none. Of several `shards` it is one.
    """
    parameters = -(-cost.params // shards) * BYTES
    state = parameters + cost.buffers * BYTES
    if kept is None:
        kept = cost.saved_bytes - cost.saved_batch_bytes
    activations = kept * images + cost.saved_batch_bytes
    return Demand(
        state,
        parameters,
        parameters * averages,
        state if average else 0,
        0 if recomputed else activations // 2 if half else activations,
    )
