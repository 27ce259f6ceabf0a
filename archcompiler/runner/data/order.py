"""Which samples a step takes: a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from archcompiler.runner.data.randomness import permutation


class Samples(NamedTuple):
    """Samples of one part of a batch: for each its epoch and its index in the data set."""

    epochs: Tensor
    """(n,) int64"""
    indices: Tensor
    """(n,) int64"""


class Order:
    """Epoch after epoch in random order, without a break: a batch may span two epochs."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed = seed
        self.count = count
        self._known: dict[int, Tensor] = {}

    def samples(self, start: int, count: int) -> Samples:
        """`count` samples from position `start` of the endless sequence of epochs."""
        epochs, indices = [], []
        while count > 0:
            epoch, offset = divmod(start, self.count)
            index = self._permutation(epoch)[offset : offset + count]
            epochs.append(torch.full_like(index, epoch))
            indices.append(index)
            start += len(index)
            count -= len(index)
        return Samples(torch.cat(epochs), torch.cat(indices))

    def _permutation(self, epoch: int) -> Tensor:
        if epoch not in self._known:
            # Two, for batches that span epochs.
            self._known = {e: p for e, p in self._known.items() if e == epoch - 1}
            self._known[epoch] = permutation(self.seed, epoch, self.count)
        return self._known[epoch]


class Parts:
    """How a batch is split over replicas and, within each, over accumulated parts.

    Two replicas with one part each see the same parts as one replica with two. A replica is a
    process, or one of the virtual shards of which a process has `own`, from `rank` on.
    """

    def __init__(
        self, order: Order, batch: int, rank: int, world: int, parts: int, own: int = 1
    ) -> None:
        self.order = order
        self.batch = batch
        self.rank = rank
        self.world = world
        self.parts = parts
        self.own = own
        self.size = batch // (world * parts)

    def samples(self, step: int, part: int, replica: int = 0) -> Samples:
        """Samples of one part of step `step`, counted from 0, for one of this process's own
        replicas.
        """
        chunk = part * self.world + self.rank + replica
        return self.order.samples(step * self.batch + chunk * self.size, self.size)

    def stream(self, start: int) -> Iterator[Samples]:
        """Every part of every replica of every step from `start` on, without end."""
        for step in count(start):
            for replica in range(self.own):
                for part in range(self.parts):
                    yield self.samples(step, part, replica)
