"""Data sets in the formats that they come in, written by the tests byte by byte."""

from __future__ import annotations

import gzip
import math
import os
import pickle
import random
import struct
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from unit.runner.standin import write_cifar10, write_cifar100, write_idx, write_photographs

from archcompiler.diagnostics import CompileError
from archcompiler.runner.data.cifar import CIFAR10, CIFAR100, read_cifar
from archcompiler.runner.data.embedded import read_embedded
from archcompiler.runner.data.folder import Key, TrainingCrops, centred
from archcompiler.runner.data.idx import read_fashion_mnist
from archcompiler.runner.data.listing import (
    ImageFiles,
    list_test,
    list_training,
    require_same_classes,
)
from archcompiler.runner.data.resident import ResidentTraining
from archcompiler.runner.data.source import EvaluationPlan
from archcompiler.runner.recipe.model import Folder


def test_the_embedded_subset_is_stratified() -> None:
    splits = read_embedded()
    assert splits.train.pixels.shape == (10_000, 1, 28, 28)
    assert splits.test.pixels.shape == (2_000, 1, 28, 28)
    assert np.bincount(splits.train.labels).tolist() == [1000] * 10
    assert np.bincount(splits.test.labels).tolist() == [200] * 10
    assert len(splits.train.classes) == 10


def test_the_embedded_subset_is_small_and_has_its_licence() -> None:
    import archcompiler.runner.data.embedded as embedded

    folder = Path(embedded.__file__).parent
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    assert size <= 6_000_000
    assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("packed", [True, False])
def test_idx(tmp_path: Path, packed: bool) -> None:
    images, labels = write_idx(tmp_path, packed=packed)
    found = read_fashion_mnist(tmp_path).train
    assert np.array_equal(found.pixels[:, 0], images)
    assert np.array_equal(found.labels, labels)


def test_arrays_in_the_memory_of_a_file_are_taken_without_a_word(tmp_path: Path) -> None:
    write_idx(tmp_path, packed=False)
    images = read_fashion_mnist(tmp_path).train
    assert not images.pixels.flags.writeable  # torch warns of such arrays, once a process.
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            data = ResidentTraining(images, torch.device("cpu"))
    finally:
        torch.set_warn_always(before)
    assert np.array_equal(data.pixels.numpy(), images.pixels)


def test_the_whole_of_fashion_mnist() -> None:
    folder = Path("/usr/share/datasets/fashion-mnist")
    if not folder.is_dir() and "CI" not in os.environ:
        pytest.skip("Debian's dataset-fashion-mnist is not installed")
    whole, part = read_fashion_mnist(folder), read_embedded()
    assert (len(whole.train), len(whole.test)) == (60_000, 10_000)
    first = whole.test.pixels[whole.test.labels == 7][:200]
    assert np.array_equal(first, part.test.pixels[part.test.labels == 7])


@pytest.mark.parametrize("python", [True, False])
def test_cifar10(tmp_path: Path, python: bool) -> None:
    pixels, labels = write_cifar10(tmp_path, python=python)
    found = read_cifar(tmp_path, CIFAR10)
    assert np.array_equal(found.train.pixels.reshape(-1, 3072), pixels)
    assert np.array_equal(found.train.labels, labels)
    assert found.train.classes[:2] == ("airplane", "automobile")


@pytest.mark.parametrize("python", [True, False])
def test_cifar100(tmp_path: Path, python: bool) -> None:
    pixels, labels = write_cifar100(tmp_path, python=python)
    found = read_cifar(tmp_path, CIFAR100)
    assert np.array_equal(found.train.pixels.reshape(-1, 3072), pixels)
    assert np.array_equal(found.train.labels, labels)


class _Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('the pickle ran')",)


@pytest.mark.parametrize("payload", [_Attack(), {b"data": _Attack()}, [1, 2]])
def test_a_pickle_with_a_program_is_refused(tmp_path: Path, payload: object) -> None:
    write_cifar10(tmp_path, python=True)
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps(payload))
    with pytest.raises(CompileError, match="data_batch_3"):
        read_cifar(tmp_path, CIFAR10)


@pytest.mark.parametrize(
    "labels",
    [["a"] * 8, [None] * 8, [[1]] * 8, [10**30] * 8, [-1] * 8, [10] * 8, [True] * 8, [1.0] * 8,
     [1] * 7, {}, None, 5, b"12345678"],
)  # fmt: skip
def test_labels_of_a_pickle_that_are_none_are_named(tmp_path: Path, labels: object) -> None:
    write_cifar10(tmp_path, python=True)
    batch = {b"labels": labels, b"data": np.zeros((8, 3072), np.uint8)}
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps(batch, 2))
    with pytest.raises(CompileError, match=r"E704.*test_batch"):
        read_cifar(tmp_path, CIFAR10)


@pytest.mark.parametrize("names", [5, None, {b"a": 1}, [1] * 10, ["a"] * 10, "airplane"])
def test_names_of_a_pickle_that_are_none_are_named(tmp_path: Path, names: object) -> None:
    write_cifar10(tmp_path, python=True)
    meta = tmp_path / "cifar-10-batches-py" / "batches.meta"
    meta.write_bytes(pickle.dumps({b"label_names": names}, 2))
    with pytest.raises(CompileError, match=r"E704.*label_names.*batches\.meta"):
        read_cifar(tmp_path, CIFAR10)


@pytest.mark.parametrize(
    "array",
    [np.zeros((8, 3072), np.int64), np.zeros((8, 3072), object), np.zeros(8 * 3072, np.uint8),
     np.zeros((3072, 8), np.uint8), np.zeros((0, 3072), np.uint8), [[0] * 3072] * 8],
)  # fmt: skip
def test_an_array_of_another_kind_is_refused(tmp_path: Path, array: object) -> None:
    write_cifar10(tmp_path, python=True)
    batch = pickle.dumps({b"labels": [0] * 8, b"data": array}, 2)
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(batch)
    with pytest.raises(CompileError, match=r"E704.*test_batch"):
        read_cifar(tmp_path, CIFAR10)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol_and_order_are_numpy_s(tmp_path: Path, protocol: int) -> None:
    write_cifar10(tmp_path, python=True)
    pixels = np.random.default_rng(1).integers(0, 256, (8, 3072), np.uint8)
    for array in (pixels, np.asfortranarray(pixels)):
        batch = pickle.dumps({"labels": [3] * 8, "data": array}, protocol)
        (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(batch)
        if protocol == 5 and b"_frombuffer" in batch:
            with pytest.raises(CompileError, match="it wants numpy"):
                read_cifar(tmp_path, CIFAR10)
        else:
            found = read_cifar(tmp_path, CIFAR10).test
            assert np.array_equal(found.pixels.reshape(8, 3072), pixels)


def test_four_bytes_cannot_ask_for_all_memory(tmp_path: Path) -> None:
    """A place in the memo beyond all others: the unpickler in C makes room for 2³² of them."""
    resource = pytest.importorskip("resource")
    write_cifar10(tmp_path, python=True)
    program = b"\x80\x02Nr\xff\xff\xff\x7f."
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(program)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CompileError, match=r"E704.*it holds no table"):
        read_cifar(tmp_path, CIFAR10)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def _damaged(content: bytes, random: np.random.Generator) -> bytes:
    """With a few bytes changed, mostly near the ends, where the structure is; perhaps cut off."""
    damaged = bytearray(content)
    for place in random.integers(0, min(120, len(damaged)), 3).tolist():
        damaged[place if random.integers(2) else -1 - place] = random.integers(256)
    return bytes(damaged[: random.integers(len(damaged))] if random.integers(4) == 0 else damaged)


def test_damaged_files_never_end_in_a_traceback(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    write_cifar10(tmp_path / "cifar", python=True)
    write_idx(tmp_path / "idx", packed=False)
    write_idx(tmp_path / "packed", packed=True)
    inner = tmp_path / "cifar" / "cifar-10-batches-py"
    for path, reading in (
        (inner / "test_batch", lambda: read_cifar(tmp_path / "cifar", CIFAR10)),
        (inner / "batches.meta", lambda: read_cifar(tmp_path / "cifar", CIFAR10)),
        (tmp_path / "idx" / "t10k-images-idx3-ubyte", lambda: read_fashion_mnist(tmp_path / "idx")),
        (
            tmp_path / "packed" / "t10k-labels-idx1-ubyte.gz",
            lambda: read_fashion_mnist(tmp_path / "packed"),
        ),
    ):
        whole = path.read_bytes()
        for _ in range(150):
            path.write_bytes(_damaged(whole, random))
            with suppress(CompileError):
                reading()
        path.write_bytes(whole)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def test_what_is_wrong_with_idx_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"no `train-images-idx3-ubyte.gz` in"):
        read_fashion_mnist(tmp_path)
    write_idx(tmp_path, packed=False)
    target = tmp_path / "t10k-images-idx3-ubyte"
    _truncate(target)
    with pytest.raises(CompileError, match=r"(?s)t10k-images.*truncated.*bytes are expected"):
        read_fashion_mnist(tmp_path)
    target.write_bytes(struct.pack(">4I", 0x0D03, 1, 1, 1))
    with pytest.raises(CompileError, match="not 00 00 08 03"):
        read_fashion_mnist(tmp_path)


def test_a_truncated_gzip_file_is_named(tmp_path: Path) -> None:
    write_idx(tmp_path, packed=True)
    _truncate(tmp_path / "train-labels-idx1-ubyte.gz")
    with pytest.raises(CompileError, match=r"train-labels-idx1-ubyte.gz.*truncated or not gzip"):
        read_fashion_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(CompileError, match="it starts with nothing"):
        read_fashion_mnist(tmp_path)


def test_a_truncated_batch_is_named(tmp_path: Path) -> None:
    write_cifar10(tmp_path, python=False)
    _truncate(tmp_path / "cifar-10-batches-bin" / "test_batch.bin")
    with pytest.raises(CompileError, match=r"(?s)test_batch.bin.*not a multiple of the 3,073"):
        read_cifar(tmp_path, CIFAR10)


def test_image_folders(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    data = Folder(type="folder", path=str(tmp_path), mean=(0.5,) * 3, std=(1.0,) * 3)
    train = list_training(data)
    require_same_classes(train, list_test(data), data, data.test)
    assert train.classes == ("cat", "dog")
    assert len(train) == 12
    crops = TrainingCrops(train, data, (24, 20), seed=1)
    first, again, other = (crops[Key(epoch, 3)].image for epoch in (0, 0, 1))
    assert first.shape == (3, 24, 20)
    assert first.equal(again)
    assert not first.equal(other)
    (tmp_path / "val" / "dog").rename(tmp_path / "val" / "wolf")
    with pytest.raises(CompileError, match=r"(?s)different classes.*dog, wolf"):
        require_same_classes(train, list_test(data), data, data.test)


def _published_window(
    draw: random.Random, width: int, height: int, data: Folder
) -> tuple[float, ...]:
    """`RandomResizedCrop.get_params` of torchvision, but for a middle that is not rounded."""
    for _ in range(10):
        area = width * height * draw.uniform(*data.scale)
        ratio = math.exp(draw.uniform(math.log(data.ratio[0]), math.log(data.ratio[1])))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = draw.randint(0, width - w), draw.randint(0, height - h)
            return left, top, left + w, top + h
    w, h = width, height
    if width / height < min(data.ratio):
        h = round(w / min(data.ratio))
    elif width / height > max(data.ratio):
        w = round(h * max(data.ratio))
    return (width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2


@pytest.mark.parametrize("size", [(500, 375), (60, 90), (400, 100), (20, 300)], ids=str)
@pytest.mark.parametrize("wanted", [{}, {"scale": (0.4, 0.5), "ratio": (0.5, 1.2)}], ids=str)
def test_windows_are_drawn_as_torchvision_does(
    size: tuple[int, int], wanted: dict[str, Any]
) -> None:
    data = Folder(type="folder", mean=(0.5,) * 3, std=(1.0,) * 3, **wanted)
    crops = TrainingCrops(ImageFiles((), (), ()), data, (24, 20), seed=1)
    draw, count = random.Random(0), 4000
    found = np.array([crops._window(*size, Key(i % 7, i)) for i in range(count)])
    theirs = np.array([_published_window(draw, *size, data) for _ in range(count)])
    for of in (found, theirs):
        assert (of >= 0).all()
        assert (of[:, 2:] <= size).all()
    for a, b in zip(_features(found), _features(theirs), strict=True):
        # Kolmogorov and Smirnov's distance of two samples, at one in a hundred thousand.
        at = np.sort(np.concatenate([a, b]))
        shares = [np.searchsorted(np.sort(of), at, side="right") / count for of in (a, b)]
        assert np.abs(shares[0] - shares[1]).max() < 2.47 * (2 / count) ** 0.5


def _features(windows: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    left, top, right, bottom = windows.T
    width, height = right - left, bottom - top
    return [left, top, width, height, width * height, width / height, left + top]


@pytest.mark.parametrize("place", [12, 16, 24, 37])
def test_a_broken_png_is_named(tmp_path: Path, place: int) -> None:
    write_photographs(tmp_path)
    path = tmp_path / "train" / "cat" / "0.PNG"
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    data = Folder(type="folder", path=str(tmp_path), mean=(0.5,) * 3, std=(1.0,) * 3)
    crops = TrainingCrops(list_training(data), data, (24, 20), seed=1)
    with pytest.raises(CompileError, match=r"E704.*cannot decode.*0\.PNG"):
        crops[Key(0, 0)]


def test_the_middle_of_an_image_is_kept() -> None:
    image = Image.new("RGB", (90, 60))
    image.putpixel((45, 30), (255, 0, 0))
    assert centred(image, (60, 60), (40, 40)).getpixel((20, 20)) == (255, 0, 0)
    assert centred(image, (20, 20), (40, 40)).size == (40, 40)


def test_a_plan_has_every_image_once() -> None:
    for count, limit, world in ((50, None, 1), (53, 30, 2), (7, None, 3), (100, 99, 2)):
        seen: list[int] = []
        lengths = set()
        for rank in range(world):
            batches = list(EvaluationPlan(4, limit, rank, world).indices(count))
            lengths.add(len(batches))
            for index, weight in batches:
                assert len(index) == min(4, -(-(limit or count) // world))
                seen += [int(i) for i, w in zip(index, weight, strict=True) if w]
        assert len(lengths) == 1
        assert len(seen) == len(set(seen)) == (limit or count)
