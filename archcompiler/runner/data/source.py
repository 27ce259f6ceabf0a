"""Data sets as the loop sees them: batches of bytes on the device, in the order of the steps."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from archcompiler.runner.data.order import Parts, Samples


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on the device, which on CUDA need not be waited for: what is not in
    pinned memory has been read when the call returns. MPS would read it later, when it may be gone.
    """
    return tensor.to(device, non_blocking=device.type == "cuda")


class Batch(NamedTuple):
    """One part of a batch of training images."""

    images: Tensor
    """(n, C, H, W) bytes"""
    labels: Tensor
    """(n,) int64"""
    samples: Samples
    replaced: int = 0
    """Images that stand for others, which cannot be read."""


class Tested(NamedTuple):
    """Some test images. Every process gets as many: what is too much has weight 0, and so has what
    cannot be read.
    """

    images: Tensor
    """(n, C, H, W) bytes"""
    labels: Tensor
    """(n,) int64"""
    weight: Tensor
    """(n,) 0 or 1, float32"""


class TrainingData(Protocol):
    """What is trained on."""

    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    """(C, H, W) of an image on its way into the network; C is 1 for grey ones."""
    missed: dict[str, str]
    """Files that could not be read so far, by path, and why."""

    def __len__(self) -> int: ...

    def fingerprint(self) -> str:
        """A hash of the images and labels, or of what can be had without reading all of them."""
        ...

    def batches(self, parts: Parts, start: int) -> Generator[Batch | None, None, None]:
        """Every part of every step from `start` on, without end; None wherever the next one takes
        its time. Close it to end its workers.
        """
        ...


class EvaluationData(Protocol):
    """What is tested on."""

    classes: tuple[str, ...]
    missed: dict[str, str]
    """As in `TrainingData`."""

    def __len__(self) -> int: ...

    def batches(self, plan: EvaluationPlan) -> Generator[Tested | None, None, None]:
        """The images of a plan that fall to this process, in order; as in `TrainingData`."""
        ...

    def kept(self) -> AbstractContextManager[None]:
        """While entered, what decodes the images is kept from one evaluation to the next."""
        ...


def asked(limit: int | None, count: int) -> int:
    """How many images of `count` a plan takes."""
    return min(limit or count, count)


class EvaluationPlan(NamedTuple):
    """Which test images, how many at a time, and how they fall to the processes."""

    size: int
    """Images at a time and replica: see `Parts`."""
    limit: int | None = None
    """At most so many, evenly spread."""
    rank: int = 0
    world: int = 1
    own: int = 1

    def indices(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Indices, (size,) int64, and weights, (size,), for one batch after the other; the own
        replicas take turns.
        """
        used = asked(self.limit, count)
        index = torch.arange(used) * count // used
        # What fills a batch up is computed as well: of few images there should be little of it.
        size = min(self.size, -(-used // self.world))
        step = size * self.world
        for start in range(self.rank * size, -(-used // step) * step, step):
            for replica in range(self.own):
                place = torch.arange(start, start + size) + replica * size
                yield index[place % used], (place < used).float()
