"""Fashion-MNIST, and whatever else has the four files of MNIST, in the IDX format."""

from __future__ import annotations

import struct
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from archcompiler.runner.data.files import bad_data, find, read
from archcompiler.runner.data.images import Images, Splits

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_BYTES = 0x08
"""The IDX code of unsigned bytes."""


def read_fashion_mnist(folder: Path) -> Splits:
    """Both splits of Fashion-MNIST: 1×28×28 pixels. Raises CompileError E704."""
    return Splits(_split(folder, "train"), _split(folder, "t10k"))


def _split(folder: Path, name: str) -> Images:
    images = _array(folder, f"{name}-images-idx3-ubyte", 3)
    labels = _array(folder, f"{name}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise bad_data(
            f"Fashion-MNIST: {len(images)} images, but {len(labels)} labels in `{folder}`"
        )
    if len(labels) == 0 or labels.max() >= len(CLASSES):
        raise bad_data(f"Fashion-MNIST: the labels in `{folder}` are not from 0 to 9")
    return Images(images[:, None], labels.astype(np.int64), CLASSES)


def _array(folder: Path, name: str, dimensions: int) -> npt.NDArray[np.uint8]:
    path = find(folder, (f"{name}.gz", name), "Fashion-MNIST")
    data = read(path, "Fashion-MNIST")
    header = 4 + 4 * dimensions
    if len(data) < header or data[:4] != bytes((0, 0, _BYTES, dimensions)):
        raise bad_data(
            f"Fashion-MNIST: `{path}` is not an IDX file of bytes in {dimensions} dimensions",
            f"it starts with {data[:4].hex(' ') or 'nothing'}, not 00 00 08 {dimensions:02x}",
        )
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    if len(data) - header != prod(shape):
        raise bad_data(
            f"Fashion-MNIST: `{path}` is truncated or has something at its end",
            f"{'×'.join(map(str, shape))} bytes are expected after the header of {header}, "
            f"{len(data) - header:,} are there",
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
