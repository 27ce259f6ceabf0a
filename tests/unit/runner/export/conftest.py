"""Runs and images that the tests of exports share."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from unit.runner.export.exported import (
    trained_run,
)
from unit.runner.standin import write_photographs


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs on images in colour and grey with a margin, and on photographs."""
    home = tmp_path_factory.mktemp("trained")
    write_photographs(home / "data")
    photographs = ("data.workers=0", "batch_size=4", "device=cpu", f"data.path={home / 'data'}")
    return {
        "colour": trained_run(home / "colour", "ema=0.9"),
        "grey": trained_run(
            home / "grey", "data.grey=keep", "data.mean=[0.3]", "data.std=[0.4]", input=[1, 32, 32]
        ),
        "photographs": trained_run(
            home / "photographs", *photographs, recipe="imagenet_modern", classes=2,
            title="Cats or dogs", input=[3, 32, 48],
        ),
        "untouched": trained_run(
            home / "untouched", *photographs, "data.exif_orientation=false", "data.resize=50",
            recipe="imagenet_modern", classes=2,
        ),
    }  # fmt: skip


@pytest.fixture
def run(trained: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(trained["colour"], tmp_path / "run", symlinks=True)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of several modes and shapes, one of them on its side and one transparent."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(1)
    found = []
    for name, shape in (
        ("wide.png", (50, 90, 3)),
        ("high.png", (131, 60, 3)),
        ("grey.png", (9, 8)),
    ):
        pixels = random.integers(0, 256, shape, np.uint8)
        Image.fromarray(pixels).save(folder / name)
        found.append(folder / name)
    turned = Image.fromarray(random.integers(0, 256, (40, 70, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "turned.jpg", exif=exif)
    clear = Image.fromarray(random.integers(0, 256, (64, 64, 4), np.uint8))
    clear.save(folder / "clear.png")
    clear.convert("P").save(folder / "palette.png")
    return [*found, folder / "turned.jpg", folder / "clear.png", folder / "palette.png"]
