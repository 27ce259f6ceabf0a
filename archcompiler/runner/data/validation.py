"""Which training images are held back to choose the best weights by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from archcompiler.runner.data.randomness import Stream, words


class Parts(NamedTuple):
    """Indices of training images, rising: (n,) int64 each."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]


def divide(
    labels: Sequence[int] | npt.NDArray[np.int64],
    share: float,
    seed: int,
    stream: Stream = Stream.VALIDATION,
) -> Parts:
    """Hold back a share of each class, at least one image where a class has two.

    A function of its arguments alone, so that an evaluation holds back what the run has.
    """
    classes = np.asarray(labels, np.int64)
    index = np.arange(len(classes))
    if share == 0:
        return Parts(index, index[:0])
    counts = np.bincount(classes)
    held = np.minimum(np.maximum(np.rint(counts * share).astype(np.int64), 1), counts - 1)
    keys = words(seed, stream, 0, torch.from_numpy(index)).numpy()
    order = np.lexsort((keys, classes))
    place = np.empty_like(index)
    # Its place among the images of its class, in an order drawn at random.
    place[order] = index - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = place < held[classes]
    return Parts(index[~chosen], index[chosen])
