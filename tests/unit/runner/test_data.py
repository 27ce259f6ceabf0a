"""Data sets in the formats that they come in, written by the tests byte by byte."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from unit.runner.standin import write_cifar10, write_cifar100, write_idx, write_photographs

from archcompiler.diagnostics import CompileError
from archcompiler.runner.data.cifar import CIFAR10, CIFAR100, read_cifar
from archcompiler.runner.data.embedded import read_embedded
from archcompiler.runner.data.folder import Key, TrainingCrops, centred
from archcompiler.runner.data.idx import read_fashion_mnist
from archcompiler.runner.data.listing import list_test, list_training, require_same_classes
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
    require_same_classes(train, list_test(data), data)
    assert train.classes == ("cat", "dog")
    assert len(train) == 12
    crops = TrainingCrops(train, data, (24, 20), seed=1)
    first, again, other = (crops[Key(epoch, 3)].image for epoch in (0, 0, 1))
    assert first.shape == (3, 24, 20)
    assert first.equal(again)
    assert not first.equal(other)
    (tmp_path / "val" / "dog").rename(tmp_path / "val" / "wolf")
    with pytest.raises(CompileError, match=r"(?s)different classes.*dog, wolf"):
        require_same_classes(train, list_test(data), data)


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
                assert len(index) == 4
                seen += [int(i) for i, w in zip(index, weight, strict=True) if w]
        assert len(lengths) == 1
        assert len(seen) == len(set(seen)) == (limit or count)
