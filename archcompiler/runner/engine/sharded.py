"""A step in virtual shards, whose bits are the same on any number of processes.

Each shard is computed as if it had a process of its own: its images, its random numbers, its
statistics of BN, all from the weights and running averages that the step begins with. What they
come to is added up by one binary tree over all shards. A process has consecutive ones, which are a
subtree; the tops of the processes' subtrees are added up by the rest of the tree. No reduction of a
library is used: each has an order of its own, which goes with the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from archcompiler.runner.system.distributed import World


class Shards:
    """The shards of one process, and how they and those of others become one step."""

    def __init__(self, network: nn.Module, world: World, measured: int) -> None:
        """`measured` numbers come of each shard beside gradients and running averages."""
        self._world = world
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self._buffers = list(network.buffers())
        self._averages = [b for b in self._buffers if b.is_floating_point()]
        self._measured = torch.zeros(measured, device=self._parameters[0].device)
        self._parts = [*self._parameters, *self._averages, self._measured]
        used = sum(part.numel() for part in self._parts)
        # Each process adds up as long a slice; the same length, whatever their number.
        self._length = -(-used // world.replicas) * world.replicas

    @torch.no_grad()
    def step(self, compute: Callable[[int], Tensor]) -> Tensor:
        """Leave the mean gradients of all shards in `grad`, and the mean of the running averages
        that they come to in the buffers; return that of what was measured, in memory of its own.

        `compute` is given the number of a shard, adds its gradients to `grad` and returns what it
        has measured; nothing may be in `grad` before.
        """
        start = [buffer.clone() for buffer in self._buffers]
        total = tree_sum(self._computed(shard, compute, start) for shard in self._world.own)
        mean = self._over_processes(total).mul_(1 / self._world.replicas)
        *tensors, measured = self._split(mean)
        count = len(self._parameters)
        for parameter, gradient in zip(self._parameters, tensors[:count], strict=True):
            parameter.grad = gradient
        _copy(self._averages, tensors[count:])
        return measured.clone()

    def _computed(
        self, shard: int, compute: Callable[[int], Tensor], start: list[Tensor]
    ) -> Tensor:
        """All that comes of a shard, as one vector."""
        _copy(self._buffers, start)
        with torch.enable_grad():
            measured = compute(shard)
        gradients = []
        for parameter in self._parameters:
            assert parameter.grad is not None  # A graph has no parameter that its output is not of.
            gradients.append(parameter.grad)
            parameter.grad = None
        vector = self._measured.new_zeros(self._length)
        _copy(self._split(vector), [*gradients, *self._averages, measured])
        return vector

    def _split(self, vector: Tensor) -> list[Tensor]:
        """Views of a vector in the shapes, and the order in memory, of all that is in it."""
        found, start = [], 0
        for part in self._parts:
            found.append(vector.as_strided(part.shape, part.stride(), start))
            start += part.numel()
        return found

    def _over_processes(self, own: Tensor) -> Tensor:
        """The sum over processes, in each of them. Each adds up one slice of it for all, so that
        no more is sent than by a ring.
        """
        if self._world.size == 1:
            return own
        slices = torch.empty_like(own)
        dist.all_to_all_single(slices, own)
        rows = slices.view(self._world.size, -1), own.view(self._world.size, -1)
        dist.all_gather(list(rows[1]), tree_sum(rows[0]))
        return own


def tree_sum(vectors: Iterable[Tensor]) -> Tensor:
    """The sum of a power of two of vectors by a binary tree, in which neighbours are added first.

    They are written over. Of n vectors that come one after the other log₂ n wait at most.
    """
    sums: list[Tensor] = []
    for count, vector in enumerate(vectors, 1):
        while count % 2 == 0:
            vector = sums.pop().add_(vector)
            count //= 2
        sums.append(vector)
    (total,) = sums
    return total


def _copy(targets: list[Tensor], values: list[Tensor]) -> None:
    """Copy each value; of none torch would make an error, and not all networks have buffers."""
    if targets:
        torch._foreach_copy_(targets, values)
