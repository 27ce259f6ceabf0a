"""What training holds beside a step: weights, and what is averaged of them and of gradients."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.analysis.total import Cost
from archcompiler.ops.cost import BYTES


@dataclass(frozen=True, slots=True)
class StateMemory:
    """Bytes on one device, in float32."""

    weights: int
    """Parameters and buffers."""
    optimizer: int
    """Momentum, and what else it averages."""
    average: int
    """The moving average of parameters and buffers."""

    @property
    def total(self) -> int:
        return self.weights + self.optimizer + self.average


def state_memory(cost: Cost, *, averages: int, average: bool, shards: int = 1) -> StateMemory:
    """Of a network, by its summed cost, whose optimizer keeps so many `averages` of each gradient.

    Of several `shards` it is one.
    """
    parameters = -(-cost.params // shards) * BYTES
    weights = parameters + cost.buffers * BYTES
    return StateMemory(weights, parameters * averages, weights if average else 0)
