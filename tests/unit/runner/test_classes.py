"""A class is known by its name, whatever number the data give it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from unit.runner.jobs import TINY, Jobs

from archcompiler.cli.program import group
from archcompiler.diagnostics import CompileError
from archcompiler.runner.data.fingerprint import of_arrays, of_files
from archcompiler.runner.data.listing import list_training
from archcompiler.runner.recipe.model import Folder
from archcompiler.runner.store.checkpoint import Checkpoints, read
from archcompiler.runner.training import Job, train

COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}


def _paint(folder: Path, names: list[str], count: int = 8) -> Path:
    """Image folders: each class is named after the colour of its images."""
    for split in ("train", "val"):
        for name in names:
            inner = folder / split / name
            inner.mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (32, 32), COLOURS.get(name, (9, 9, 9))).save(inner / f"{i}.png")
    return folder


@pytest.fixture
def pets(job: Jobs, tmp_path: Path) -> Any:
    """`pets(FOLDER OF DATA, …)` is a job that learns the colours."""

    def make(data: Path, *settings: str, **options: Any) -> Job:
        settings = (
            "data.workers=0",
            "data.validation=0",
            "data.resize=32",
            "device=cpu",
            *settings,
        )
        settings = (
            "device=cpu",
            "iterations=12",
            "schedule.warmup=0",
            "optimizer.lr=0.1",
            *settings,
        )
        spec = TINY | {"classes": 3}
        return job(
            "run", f"data.path={data}", *settings, recipe="imagenet_modern", spec=spec, **options
        )

    return make


def _eval(*words: str) -> Any:
    return CliRunner().invoke(group, ["eval", *words])


def test_the_classes_of_an_evaluation_are_found_by_name(pets: Any, tmp_path: Path) -> None:
    train(pets(_paint(tmp_path / "data", sorted(COLOURS)), "ema=0"))
    run = tmp_path / "run"
    assert read(run / "checkpoints" / "best.pt")["classes"] == sorted(COLOURS)
    assert _eval(str(run)).exit_code == 0
    assert json.loads((run / "eval.json").read_text())["top1"] == 1

    some = _paint(tmp_path / "some", ["green", "red"])  # Numbers 0 and 1 here, 1 and 2 in the run.
    done = _eval(str(run), "--set", f"data.path={some}")
    assert done.exit_code == 0, done.output
    found = json.loads((run / "eval.json").read_text())
    assert found["top1"] == 1
    assert found["images"] == 16
    assert found["classes"] == sorted(COLOURS)
    assert found["confusion"] == [[1, 1, 8], [2, 2, 8]]

    others = _paint(tmp_path / "others", ["green", "red", "violet"])
    refused = _eval(str(run), "--set", f"data.path={others}")
    message = str(refused.exception)
    assert "E740" in message
    assert "only in the data: `violet`" in message
    assert "only in the run: `blue`" in message
    with pytest.raises(CompileError, match=r"(?s)E740.*`violet`"):
        train(pets(others, "iterations=30", resume=True))


def test_a_run_that_goes_on_knows_its_images(pets: Any, tmp_path: Path) -> None:
    data = _paint(tmp_path / "data", sorted(COLOURS))
    train(pets(data, "iterations=4"))
    moved = shutil.copytree(data, tmp_path / "moved")
    assert not train(pets(moved, "iterations=4", resume=True)).warnings
    (moved / "train" / "red" / "3.png").rename(moved / "train" / "red" / "9.png")
    outcome = train(pets(moved, "iterations=4", resume=True))
    assert [w.code for w in outcome.warnings] == ["W742"]
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["classes"] == sorted(COLOURS)
    assert record["images"] == 24
    assert [start["iteration"] for start in record["starts"]] == [0, 4, 4]


def test_a_checkpoint_without_names_is_warned_of(job: Jobs, tmp_path: Path) -> None:
    train(job("run", "iterations=4"))
    run = tmp_path / "run"
    contents = read(run / "checkpoints" / "last.pt")
    for name in ("classes", "data_sha256", "format"):
        del contents[name]
    Checkpoints(run / "checkpoints").save(contents, best=True)
    done = _eval(str(run), "--images", "20")
    assert done.exit_code == 0
    assert "W740" in done.output
    outcome = train(job("run", "iterations=4", resume=True))
    assert [w.code for w in outcome.warnings] == ["W740"]
    last = read(run / "checkpoints" / "last.pt")
    assert "classes" not in last  # Nothing was left to be trained.
    train(job("run", "iterations=5", resume=True))
    assert len(read(run / "checkpoints" / "last.pt")["classes"]) == 10


def test_where_a_run_was_computed_is_in_its_record(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    head = subprocess.run([*git, "log", "-1", "--format=%H"], capture_output=True, text=True)
    monkeypatch.chdir(folder)
    train(job("run", "iterations=1"))
    monkeypatch.setenv("PATH", "/nowhere")
    train(job("run", "iterations=1", resume=True))
    first, second = json.loads((tmp_path / "run" / "run.json").read_text())["starts"]
    assert (first["commit"], second["commit"]) == (head.stdout.strip(), None)
    assert first["versions"]["torch"] == torch.__version__
    assert first["versions"]["numpy"] == np.__version__
    assert first["versions"]["pillow"] == PIL.__version__
    assert first["folder"] == str(folder)
    (tmp_path / "run" / "run.json").write_text('{"starts": 3}')
    train(job("run", "iterations=1", resume=True))
    assert len(json.loads((tmp_path / "run" / "run.json").read_text())["starts"]) == 1


def test_a_fingerprint_is_of_names_and_sizes_not_of_places(tmp_path: Path) -> None:
    data = Folder(type="folder", mean=(0.5,) * 3, std=(0.5,) * 3, path=str(tmp_path / "a"))
    _paint(tmp_path / "a", sorted(COLOURS))
    shutil.copytree(tmp_path / "a", tmp_path / "b")

    def found(name: str) -> str:
        here = data.model_copy(update={"path": str(tmp_path / name)})
        return of_files(list_training(here).paths)

    before = found("a")
    assert before == found("b")
    Image.effect_noise((32, 32), 90).save(tmp_path / "b" / "train" / "red" / "3.png")
    assert before != found("b")


def test_a_fingerprint_is_of_every_pixel_and_label() -> None:
    pixels, labels = np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 1])
    seen = {of_arrays(pixels, labels), of_arrays(pixels.reshape(2, 1, 2, 8), labels)}
    seen.add(of_arrays(pixels, labels[::-1]))
    pixels[1, 0, 3, 3] = 1
    assert len(seen | {of_arrays(pixels, labels)}) == 4
