"""A stratified subset of Fashion-MNIST that comes with the package (MIT; see LICENSE)."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from archcompiler.runner.data.idx import CLASSES
from archcompiler.runner.data.images import Images, Splits


def read_embedded() -> Splits:
    """1,000 training and 200 test images of each class: 1×28×28 pixels."""
    with (
        files(__name__).joinpath("fashion_mnist_subset.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        train, test = (
            Images(
                arrays[f"{name}_images"][:, None],
                arrays[f"{name}_labels"].astype(np.int64),
                CLASSES,
            )
            for name in ("train", "test")
        )
    return Splits(train, test)
