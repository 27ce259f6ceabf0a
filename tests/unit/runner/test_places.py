"""Where the files of a run go, with what permissions, and what is said where they cannot."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from unit.runner.jobs import QUICK, TINY, Jobs

import archcompiler
from archcompiler import files
from archcompiler.cli.program import group
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError
from archcompiler.runner.engine.loop import Loop
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.training import Job, train

posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = RunFolder(tmp_path_factory.mktemp("trained") / "run")
    settings = (*QUICK, "iterations=1", "evaluation_images=10")
    train(Job(archcompiler.compile(TINY), load_recipe("smoke", settings), folder, quiet=True))
    return folder.path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "run", symlinks=True)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.effect_noise((32, 32), 90).save(path)
    return path


@pytest.fixture(params=[0o027, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def _invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(group, [str(word) for word in words])


def test_an_evaluation_of_a_run_that_may_not_be_written(
    run: Path, tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    read_only(run)
    words = ("eval", run, "--images", "20")
    done = _invoke(*words)
    assert done.exit_code == 2
    assert ": 20 images, top-1 " in done.stdout.replace("test ", "")
    assert "error[E710]: cannot write" in done.stderr
    assert "read-only file system" in done.stderr
    assert "`--output` writes it elsewhere" in done.stderr
    assert not (run / "eval.json").exists()

    elsewhere = tmp_path / "new" / "folder"
    done = _invoke(*words, "--output", elsewhere)
    assert done.exit_code == 0, done.output
    assert {path.name for path in elsewhere.iterdir()} == {"eval.json", "confusion.png"}
    assert json.loads((elsewhere / "eval.json").read_text())["images"] == 20


def test_masks_of_a_run_that_may_not_be_written(
    run: Path, tmp_path: Path, picture: Path, read_only: Callable[[Path], None]
) -> None:
    read_only(run)
    refused = _invoke("masks", run, picture)
    assert "E710" in str(refused.exception)
    assert "`--output`" in str(refused.exception)
    elsewhere = tmp_path / "new" / "masks.png"
    assert _invoke("masks", run, picture, "-o", elsewhere).exit_code == 0
    with Image.open(elsewhere) as sheet:
        assert sheet.format == "PNG"


@posix
def test_every_file_and_folder_has_what_the_umask_leaves(
    job: Jobs, tmp_path: Path, picture: Path, umask: int
) -> None:
    pytest.importorskip("tensorboard")
    settings = ("iterations=2", "checkpoint_every=1", "evaluation_images=10")
    for resume in (False, True):
        train(job("new/run", *settings, tensorboard=True, resume=resume))
    run = tmp_path / "new" / "run"
    assert _invoke("eval", run, "--images", "10", "-o", tmp_path / "out").exit_code == 0
    assert _invoke("masks", run, picture).exit_code == 0
    tops = (tmp_path / "new", tmp_path / "out")
    found = [path for top in tops for path in (top, *top.rglob("*"))]
    assert len(found) > 20
    for path in found:
        full = 0o777 if path.is_dir() else 0o666
        assert path.stat().st_mode & 0o777 == full & ~umask, path


@posix
def test_a_tilde_is_a_home(
    trained: Path, tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "tiny.toml").write_text(toml_text(TINY), encoding="utf-8")
    shutil.copy(trained / "recipe.toml", tmp_path / "mine.toml")
    words = ("train", "~/tiny.toml", "--recipe", "~/mine.toml", "--out=~/runs/a", "-q")
    done = _invoke(*words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "runs" / "a" / "spec.toml").is_file()
    assert _invoke("eval", "~/runs/a", "--images", "10", "-o", "~/out").exit_code == 0
    assert (tmp_path / "out" / "eval.json").is_file()
    masks = _invoke("masks", "~/runs/a/checkpoints/last.pt", picture, "-o", "~/masks.png")
    assert masks.exit_code == 0
    assert (tmp_path / "masks.png").is_file()
    refused = _invoke("check", "~nobody-of-this-name/tiny.toml")
    assert "~nobody-of-this-name/tiny.toml" in refused.output + str(refused.exception)


def test_a_folder_that_is_deleted_under_a_run(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Loop._step

    def vanishing(self: Loop, *rest: Any) -> None:
        step(self, *rest)
        if self.state.iteration == 2:
            shutil.rmtree(tmp_path / "run")

    monkeypatch.setattr(Loop, "_step", vanishing)
    with pytest.raises(CompileError, match=r"E710.*no such file or directory"):
        train(job("run"))
    assert not (tmp_path / "run").exists()


def test_new_folders_and_links_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "_sync_folder", synced.append)
    files.make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path / "a", tmp_path]
    (tmp_path / "a" / "b" / "file").touch()
    synced.clear()
    files.link_whole(tmp_path / "a" / "b" / "link", tmp_path / "a" / "b" / "file")
    assert synced == [tmp_path / "a" / "b"]


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"[]", b'{"iteration": 1}', b'{"iteration": 1, "split": "test", "loss": [2]}',
     b'{"iteration": true, "split": "test"}', b"[" * 100_000],
    ids=["bytes", "list", "no split", "a list for a number", "true", "nested"],
)  # fmt: skip
def test_what_is_no_line_of_the_metrics_is_passed_over(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    row = b'{"iteration": 3, "split": "test", "loss": null, "accuracy": 0.5}'
    path.write_bytes(b"\n".join([line, row, b""]))
    assert read_metrics(path) == [json.loads(row)]


def test_events_that_cannot_be_written(job: Jobs, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").touch()
    with pytest.raises(CompileError, match=r"E710.*tensorboard"):
        train(job("run", tensorboard=True))


@pytest.mark.parametrize(
    "words",
    [
        ("eval", "PLACE"),
        ("masks", "PLACE", "a.png"),
        ("masks", "run", "a.png", "-o", "PLACE"),
        ("train", "a.toml", "--recipe", "smoke", "--out", "PLACE"),
        ("train", "--resume", "--out", "PLACE"),
    ],
)
def test_a_place_that_there_cannot_be_is_bad_usage(words: tuple[str, ...]) -> None:
    refused = _invoke(*("a" * 300 if word == "PLACE" else word for word in words))
    assert refused.exit_code == 2
    assert "file name too long" in refused.output


@pytest.mark.parametrize("place", ["file/run", "locked/run", "locked"])
def test_a_run_folder_that_may_not_be_written_is_bad_usage(
    tmp_path: Path, place: str, read_only: Callable[[Path], None]
) -> None:
    (tmp_path / "tiny.toml").write_text(toml_text(TINY), encoding="utf-8")
    (tmp_path / "file").touch()
    (tmp_path / "locked" / "checkpoints").mkdir(parents=True)
    read_only(tmp_path / "locked")
    refused = _invoke(
        "train", tmp_path / "tiny.toml", "--recipe", "smoke", "--set", "data.grey=repeat",
        "--set", "data.pad=2", "--out", tmp_path / place,
    )  # fmt: skip
    assert refused.exit_code == 2
    assert "error[E705]: cannot write" in refused.output
    assert "name another folder with `--out`" in refused.output
