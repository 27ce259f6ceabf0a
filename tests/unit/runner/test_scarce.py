"""Runs that have too little disk or memory."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
import torch
from unit.runner.jobs import Jobs

from archcompiler.diagnostics import CompileError
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.store.checkpoint import Checkpoints, read
from archcompiler.runner.system.failures import explained
from archcompiler.runner.training import train


class Disk:
    """A disk with room for so many bytes of checkpoints, as the files on it see it."""

    def __init__(self, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = room
        self._open = Path.open
        monkeypatch.setattr(Path, "open", lambda path, *mode, **how: self.open(path, *mode, **how))

    def open(self, path: Path, mode: str = "r", **how: Any) -> IO[Any]:
        if mode != "xb" or path.parent.name != "checkpoints":
            return self._open(path, mode, **how)
        file: IO[bytes] = self._open(path, mode, buffering=0)
        write = file.write

        def limited(data: Any) -> int:
            used = sum(p.stat().st_size for p in path.parent.iterdir() if not p.is_symlink())
            fits = max(self.room - used, 0)
            write(bytes(data)[:fits])
            if len(data) > fits:
                raise OSError(errno.ENOSPC, "No space left on device")
            return len(data)

        return _Written(file, limited)  # type: ignore[return-value]


class _Written:
    def __init__(self, file: IO[bytes], write: Callable[[Any], int]) -> None:
        self.file = file
        self.write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> _Written:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def test_what_a_killed_process_has_half_written_is_swept_up(job: Jobs, tmp_path: Path) -> None:
    train(job("run", "iterations=4"))
    run = tmp_path / "run"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from archcompiler.files import write_whole\n"
        "write_whole(Path(sys.argv[1]), lambda file: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    for path in (run / "curves.png", run / "checkpoints" / "last.pt"):
        subprocess.run([sys.executable, "-c", program, str(path)])
        assert list(path.parent.glob(".*"))
    train(job("run", "iterations=4", resume=True))
    assert not [*run.glob(".*"), *(run / "checkpoints").glob(".*")]


def test_a_full_disk_loses_nothing(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(job("whole"))
    size = read_size(tmp_path / "whole")
    with monkeypatch.context() as patch:
        Disk(size * 3 // 2, patch)
        expected = r"(?s)E710.*the disk is full.*iteration-000000004.pt` is whole"
        with pytest.raises(CompileError, match=expected):
            train(job("run"))
    assert not list((tmp_path / "run" / "checkpoints").glob(".*"))
    train(job("run", resume=True))
    one, two = (read(tmp_path / f / "checkpoints" / "last.pt")["model"] for f in ("run", "whole"))
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_wherever_a_disk_is_full_it_is_said(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a tensor torch makes an error of its own of it."""
    train(job("run", "iterations=1"))
    contents, size = read(tmp_path / "run" / "checkpoints" / "last.pt"), read_size(tmp_path / "run")
    for room in (0, *range(100, size - 100, size // 97)):
        (tmp_path / str(room) / "checkpoints").mkdir(parents=True)
        checkpoints = Checkpoints(tmp_path / str(room) / "checkpoints")
        with monkeypatch.context() as patch:
            Disk(room, patch)
            with pytest.raises(CompileError, match=r"E710.*the disk is full"):
                checkpoints.save(contents, best=False)
        assert not list(checkpoints.folder.iterdir())


def test_old_checkpoints_make_room_on_a_full_disk(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("checkpoint_every=2", "evaluate_every=12")
    train(job("whole", *settings))
    size = read_size(tmp_path / "whole")
    with monkeypatch.context() as patch:
        Disk(size * 5 // 2, patch)
        train(job("run", *settings))
    left = {path.name for path in (tmp_path / "run" / "checkpoints").glob("iteration-*")}
    assert left == {"iteration-000000010.pt", "iteration-000000012.pt"}


def read_size(run: Path) -> int:
    return (run / "checkpoints" / "last.pt").stat().st_size


@pytest.mark.parametrize(
    ("batch", "accumulate", "processes", "images", "advice"),
    [
        (1000, 8, 1, 125, ("accumulate=20`", "batch_size=496`")),
        (1024, 1, 8, 128, ("accumulate=2`", "batch_size=512`")),
        (24, 4, 2, 3, ("accumulate=12`", "batch_size=8`")),
        (7, 7, 1, 1, ("checkpointing=true`",)),
    ],
)
def test_out_of_memory_says_what_to_try(
    batch: int, accumulate: int, processes: int, images: int, advice: tuple[str, ...]
) -> None:
    settings = [f"batch_size={batch}", f"speed.accumulate={accumulate}"]
    with (
        pytest.raises(CompileError, match=f"E709.*with {images} images at a time") as caught,
        explained(load_recipe("smoke", settings).recipe, processes),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    found = caught.value.diagnostics[0]
    assert found.help is not None
    assert "Tried to allocate" in found.notes[0]
    for text in advice:
        assert text in found.help
    for change in re.findall(r"--set (\S+=\d+)", found.help):
        recipe = load_recipe("smoke", [*settings, change]).recipe
        assert recipe.batch_size % (recipe.speed.accumulate * processes) == 0


def test_out_of_memory_in_an_evaluation_names_its_batch(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archcompiler.runner import evaluation
    from archcompiler.runner.engine import evaluate
    from archcompiler.runner.store import trained

    train(job("run", "iterations=1"))
    batch = "evaluation_batch=40"

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(evaluate, "log_probabilities", fail)
    expected = r"(?s)E709.*in an evaluation of 40 images.*evaluation_batch=10"
    with pytest.raises(CompileError, match=expected):
        train(job("other", "iterations=1", batch))
    found = trained.load_trained(tmp_path / "run", (batch,))
    with pytest.raises(CompileError, match=expected):
        evaluation.evaluate_trained(found, crops=1, size=None, limit=20)
