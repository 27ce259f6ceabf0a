"""A hash of training data, by which a run knows them again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

_SIZED = 10_000
"""Files whose sizes are asked for: of a million on a network share that would take minutes."""


def of_arrays(pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> str:
    """SHA-256 of every byte of images that are in memory."""
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    for array in (pixels, labels):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def of_files(paths: Sequence[str]) -> str:
    """SHA-256 of the sorted names of files, from the folder on that has all, and of some sizes.

    Where that folder is does not matter. Sizes are those of at most 10,000 files, evenly spread.
    """
    above = len(os.path.commonpath([paths[0], paths[-1]]))
    names = "\0".join([path[above:] for path in paths])
    digest = hashlib.sha256(names.encode(errors="surrogateescape"))
    for size in _sizes(paths[:: -(-len(paths) // _SIZED) or 1]):
        digest.update(f"{size} ".encode())
    return digest.hexdigest()


def _sizes(paths: Iterable[str]) -> Iterable[int]:
    for path in paths:
        try:
            yield Path(path).stat().st_size
        except OSError:  # Whoever reads the image will say so.
            yield -1
