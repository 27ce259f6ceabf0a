"""A checkpoint of any content is read as what was written, or refused in one sentence."""

from __future__ import annotations

import json
import random
import shutil
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from unit.runner.jobs import TINY, Jobs

import archcompiler
from archcompiler.diagnostics import CompileError
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.store.checkpoint import FORMAT, Checkpoints, checksum, read
from archcompiler.runner.store.contents import BadCheckpointError
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.store.record import record_text
from archcompiler.runner.store.trained import load_trained
from archcompiler.runner.training import Job, train

Contents = dict[str, Any]


SETTINGS = ("iterations=2", "checkpoint_every=2", "ema=0.9", "evaluation_images=10")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, once; `run` is a copy to be spoilt."""
    folder = RunFolder(tmp_path_factory.mktemp("trained") / "run")
    train(Job(archcompiler.compile(TINY), load_recipe("smoke", SETTINGS), folder, quiet=True))
    return folder.path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "run", symlinks=True)


def _forge(run: Path, contents: Contents) -> None:
    """Write a checkpoint whose checksum is right wherever there can be one."""
    try:
        contents["checksum"] = checksum(contents)
    except Exception:
        contents["checksum"] = "0"
    torch.save(contents, (run / "checkpoints" / "last.pt").resolve())


def _first(contents: Contents, part: str) -> str:
    return next(iter(contents[part]))


def _changed(part: str, value: Any) -> Callable[[Contents], None]:
    """A change of one part: a value, or a function of the old one."""

    def change(contents: Contents) -> None:
        contents[part] = value(contents[part]) if callable(value) else value

    return change


def _tensor(part: str, new: Callable[[torch.Tensor], Any]) -> Callable[[Contents], None]:
    def change(contents: Contents) -> None:
        name = _first(contents, part)
        contents[part][name] = new(contents[part][name])

    return change


FORGED: dict[str, tuple[Callable[[Contents], None], str]] = {
    "no model": (lambda c: c.pop("model"), "`model`: field required"),
    "a list for a model": (_changed("model", [1, 2]), "`model`: input should be"),
    "no weight": (lambda c: c["model"].pop(_first(c, "model")), "`model` has no `stem"),
    "one weight more": (
        lambda c: c["model"].update(more=torch.zeros(1)),
        "`more`, which the network has not",
    ),
    "a shape": (_tensor("model", lambda t: t[:1]), "as 1×"),
    "whole numbers": (_tensor("model", lambda t: t.long()), "int64, not"),
    "complex numbers": (_tensor("model", lambda t: t.to(torch.complex64)), "a plain tensor"),
    "a number for a weight": (_tensor("model", lambda t: 1.0), "instance of Tensor"),
    "a sparse weight": (_tensor("model", lambda t: t.to_sparse()), "a plain tensor"),
    "a weight of no memory": (_tensor("model", lambda t: t.to("meta")), "a plain tensor"),
    "a weight of much": (
        _tensor("model", lambda t: torch.zeros(1).expand(1 << 20, 1 << 20)),
        "more elements than are there",
    ),
    "mixed keys": (lambda c: c["model"].update({3: torch.zeros(1)}), "should be a valid string"),
    "mixed keys above": (lambda c: c.update({3: "x", None: "y"}), ""),
    "iteration as text": (_changed("iteration", "2"), "`iteration`: input should be"),
    "iteration below zero": (_changed("iteration", -2), "`iteration`: input should be"),
    "no optimizer": (lambda c: c.pop("momentum"), "`momentum`: field required"),
    "a shape of the optimizer": (_tensor("momentum", lambda t: t[:1]), "`momentum` has"),
    "no average": (lambda c: c["parameters"].pop(_first(c, "parameters")), "`parameters` has no"),
    "a part of the scaler": (_changed("scaler", {"scale": 1.0}), "`scaler`: it should be"),
    "best as a number": (_changed("best", 0.5), "`best`: input should be"),
    "pending as a vector": (_changed("pending", torch.zeros(4)), "`pending`: it should be"),
    "a recipe of no sense": (_changed("recipe", "{"), "`recipe`: invalid JSON"),
    "a recipe of one number": (_changed("recipe", "3"), "`recipe`: input should be"),
    "processes": (_changed("processes", 0), "`processes`: input should be"),
    "a later format": (_changed("format", f"{FORMAT[:-1]}2"), "not written by this runner"),
    "classes": (_changed("classes", [1, 2]), "`classes.0`: input should be"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_checkpoint_is_refused(run: Path, what: str) -> None:
    change, reason = FORGED[what]
    contents = read(run / "checkpoints" / "last.pt")
    change(contents)
    _forge(run, contents)
    with pytest.raises(CompileError, match="E706") as caught:
        load_trained(run)
    (diagnostic,) = caught.value.diagnostics
    assert reason in " ".join((diagnostic.message, *diagnostic.notes))
    assert "\n" not in diagnostic.message


@pytest.mark.parametrize("what", ["no model", "no weight", "mixed keys above"])
def test_a_run_does_not_go_on_from_a_forged_checkpoint(job: Jobs, run: Path, what: str) -> None:
    contents = read(run / "checkpoints" / "last.pt")
    FORGED[what][0](contents)
    _forge(run, contents)
    with pytest.raises(CompileError, match="E706"):
        train(job("run", *SETTINGS, resume=True))


def test_bits_and_pieces_of_a_file(run: Path) -> None:
    """Bits, runs of bytes and lengths at random: whole, or refused."""
    path = (run / "checkpoints" / "last.pt").resolve()
    data, contents = path.read_bytes(), read(path)
    draws = random.Random(0)
    for _ in range(60):
        bytes_ = bytearray(data)
        match draws.randrange(3):
            case 0:
                bytes_[draws.randrange(len(data))] ^= 1 << draws.randrange(8)
            case 1:
                start = draws.randrange(len(data))
                bytes_[start : start + draws.randrange(64)] = draws.randbytes(draws.randrange(64))
            case 2:
                del bytes_[draws.randrange(len(data)) :]
        path.write_bytes(bytes_)
        with suppress(BadCheckpointError):
            assert checksum(read(path)) == checksum(contents)


def test_a_run_of_a_network_with_a_constant_filter_goes_on(job: Jobs, tmp_path: Path) -> None:
    steps = {
        "conv": {"op": "conv", "channels": "c", "kernel": 3},
        "pool": {"op": "blur_pool", "kernel": 3, "stride": 4},
    }
    blurred = {"channels": 4, "stride": 4, "steps": steps}
    spec = TINY | {"stem": {"type": "blurred"}, "blocks": {"blurred": blurred}}
    settings = ("iterations=2", "checkpoint_every=1", "evaluation_images=10")
    train(job("run", *settings, spec=spec))
    last = (tmp_path / "run" / "checkpoints" / "last.pt").resolve()
    whole = read(last)["model"]
    last.unlink()
    train(job("run", *settings, spec=spec, resume=True))
    again = read(last)["model"]
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())


def test_a_checkpoint_is_not_in_memory_twice(tmp_path: Path) -> None:
    contents = {"iteration": 1, "model": {str(i): torch.ones(2_500_000) for i in range(10)}}
    tracemalloc.start()
    try:
        Checkpoints(tmp_path).save(contents, best=False)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20, "100 MB are written"
    finally:
        tracemalloc.stop()


def test_the_record_of_a_run_can_be_anything(run: Path) -> None:
    for text in ("", "[", "[]", "3", '{"starts": {}}', "[" * 100_000, "\udcff"):
        (run / "run.json").write_bytes(text.encode(errors="surrogateescape"))
        RunFolder(run).write_text(run / "run.json", record_text(run / "run.json", {}, {}))
        assert len(json.loads((run / "run.json").read_bytes())["starts"]) == 1
