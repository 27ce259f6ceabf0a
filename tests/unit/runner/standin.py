"""Data sets of a few random images, in the formats of the real ones."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def write_idx(folder: Path, *, packed: bool = True) -> tuple[Bytes, Labels]:
    """Fashion-MNIST with 40 + 20 images; returns those to train on."""
    random = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    for name, count in (("t10k", 20), ("train", 40)):
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = random.integers(0, 10, count)
        for kind, header, data in (
            ("images-idx3", struct.pack(">4I", 0x0803, count, 28, 28), images.tobytes()),
            ("labels-idx1", struct.pack(">2I", 0x0801, count), labels.astype(np.uint8).tobytes()),
        ):
            path = folder / f"{name}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(header + data) if packed else header + data)
    return images, labels


def write_cifar10(folder: Path, *, python: bool) -> tuple[Bytes, Labels]:
    """CIFAR-10 with 8 images a file; returns those to train on."""
    inner = folder / ("cifar-10-batches-py" if python else "cifar-10-batches-bin")
    inner.mkdir(parents=True)
    pixels, labels = [], []
    for seed, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        x, y = _batch(seed, 8, 10)
        if python:
            batch = {b"batch_label": b"x", b"labels": y.tolist(), b"data": x}
            (inner / name).write_bytes(pickle.dumps(batch, 2))
        else:
            records = np.concatenate([y.astype(np.uint8)[:, None], x], 1)
            (inner / f"{name}.bin").write_bytes(records.tobytes())
        pixels.append(x)
        labels.append(y)
    if python:
        meta = {b"label_names": [name.encode() for name in NAMES]}
        (inner / "batches.meta").write_bytes(pickle.dumps(meta, 2))
    else:
        (inner / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    return np.concatenate(pixels[:5]), np.concatenate(labels[:5])


def write_cifar100(folder: Path, *, python: bool) -> tuple[Bytes, Labels]:
    """CIFAR-100 with 30 images a file; returns those to train on."""
    inner = folder / ("cifar-100-python" if python else "cifar-100-binary")
    inner.mkdir(parents=True)
    for seed, name in enumerate(("test", "train")):
        x, y = _batch(seed, 30, 100)
        if python:
            batch = {b"coarse_labels": (y // 5).tolist(), b"fine_labels": y.tolist(), b"data": x}
            (inner / name).write_bytes(pickle.dumps(batch, 2))
        else:
            both = np.stack([y // 5, y], 1).astype(np.uint8)
            (inner / f"{name}.bin").write_bytes(np.concatenate([both, x], 1).tobytes())
    return x, y


def write_photographs(folder: Path) -> None:
    """Image folders of two classes with 6 + 4 photographs of different sizes."""
    random = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 4)):
        for name in ("cat", "dog"):
            inner = folder / split / name
            inner.mkdir(parents=True)
            for i in range(count):
                size = (40 + 7 * i, 64 - 3 * i, 3)
                suffix = "jpeg" if i % 2 else "PNG"
                pixels = random.integers(0, 256, size, np.uint8)
                Image.fromarray(pixels).save(inner / f"{i}.{suffix}")


def _batch(seed: int, count: int, classes: int) -> tuple[Bytes, Labels]:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 3072), np.uint8), random.integers(0, classes, count)
