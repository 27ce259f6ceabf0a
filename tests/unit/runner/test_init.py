"""Runs that begin with weights: all of them by name, or a diagnostic that says which not."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import Tensor
from unit.runner.jobs import QUICK, TINY, Jobs
from unit.runner.standin import write_photographs

import archcompiler
from archcompiler.cli.program import group
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.store.checkpoint import Checkpoints, read
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.store.weights import begin_with
from archcompiler.runner.training import Job, train

NETWORK = archcompiler.compile(TINY)
STILL = ("iterations=1", "evaluation_images=10", "optimizer.lr=1e-30")
"""One step that is too small to change a weight."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on ten classes."""
    folder = RunFolder(tmp_path_factory.mktemp("trained") / "run")
    settings = (*QUICK, "iterations=2", "evaluation_images=10", "seed=9")
    train(Job(archcompiler.compile(TINY), load_recipe("smoke", settings), folder, quiet=True))
    return folder.path


@pytest.fixture
def weights(trained: Path) -> dict[str, Tensor]:
    model: dict[str, Tensor] = read(trained / "checkpoints" / "best.pt")["model"]
    return model


def _model(run: Path) -> dict[str, Tensor]:
    model: dict[str, Tensor] = read(run / "checkpoints" / "last.pt")["model"]
    return model


def _parameters(model: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without BN's statistics, which a pass changes."""
    return {name: t for name, t in model.items() if "running" not in name and "num_b" not in name}


def _begun(job: Jobs, path: Path, *settings: str, **options: Any) -> list[Diagnostic]:
    """Train for a step that begins with the weights at `path`; the warnings."""
    return list(train(job("next", *STILL, *settings, init=path, **options)).warnings)


WRITTEN: dict[str, Callable[[dict[str, Tensor], Path], None]] = {
    "state.pt": torch.save,
    "legacy.pth": lambda weights, path: torch.save(
        weights, path, _use_new_zipfile_serialization=False
    ),
    "state.safetensors": lambda weights, path: save_file(weights, path),
    "half.safetensors": lambda weights, path: save_file(
        {n: t.half() if t.is_floating_point() else t for n, t in weights.items()}, path
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_weights_of_a_file(
    job: Jobs, tmp_path: Path, weights: dict[str, Tensor], name: str
) -> None:
    path = tmp_path / name
    WRITTEN[name](weights, path)
    assert _begun(job, path) == []
    expected = _parameters(weights)
    if name.startswith("half"):
        expected = {n: t.half().float() for n, t in expected.items()}
    found = _parameters(_model(tmp_path / "next"))
    assert found.keys() == expected.keys()
    assert all(torch.equal(t, expected[n]) for n, t in found.items())
    record = json.loads((tmp_path / "next" / "run.json").read_text())["initial"]
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (record["path"], record["tensors"], record["left_out"]) == (str(path), len(weights), [])


@pytest.mark.parametrize("inner", [".", "checkpoints/best.pt"])
def test_a_run_and_its_checkpoint(
    job: Jobs,
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    inner: str,
) -> None:
    """Of ten classes, for a network of two: everything but the classifier."""
    write_photographs(tmp_path / "data")
    settings = (*QUICK, *STILL, "batch_size=4", "data.workers=0", f"data.path={tmp_path / 'data'}")
    loaded = load_recipe("imagenet_paper", (*settings, "device=cpu"))
    network = archcompiler.compile(TINY, ["classes=2"])
    folder = RunFolder(tmp_path / "next")
    train(Job(network, loaded, folder, init=trained / inner))
    before, after = _parameters(_model(trained)), _parameters(_model(tmp_path / "next"))
    head = [name for name, t in after.items() if t.shape != before[name].shape]
    assert head == ["head.classifier.weight", "head.classifier.bias"]
    assert all(torch.equal(t, before[name]) for name, t in after.items() if name not in head)
    said = capsys.readouterr().out
    values = sum(t.numel() for name, t in _model(trained).items() if name not in head)
    assert f"begins with {len(_model(trained)) - 2} of {len(_model(trained))} tensors" in said
    assert f"({values:,} values) of `{trained / 'checkpoints' / 'best.pt'}`, iteration 2" in said
    assert f"new, as the number of classes is another: `{head[0]}`, `{head[1]}`" in said
    assert json.loads((tmp_path / "next" / "run.json").read_text())["initial"]["left_out"] == head


def test_a_new_classifier_is_that_of_a_run_without_weights(
    job: Jobs, trained: Path, tmp_path: Path
) -> None:
    spec = TINY | {"classes": 10, "name": "wide"}
    train(job("plain", *STILL, spec=spec))
    weights = {
        name: t[:4] if name.startswith("head.classifier") else t
        for name, t in _model(trained).items()
    }
    torch.save(weights, tmp_path / "four.pt")
    _begun(job, tmp_path / "four.pt", spec=spec)
    plain, begun = _model(tmp_path / "plain"), _model(tmp_path / "next")
    assert torch.equal(plain["head.classifier.weight"], begun["head.classifier.weight"])


def test_other_classes_of_the_same_number_are_warned_of(
    job: Jobs, trained: Path, tmp_path: Path
) -> None:
    contents = read(trained / "checkpoints" / "best.pt")
    run = shutil.copytree(trained, tmp_path / "copy", symlinks=True)
    contents["classes"] = [*contents["classes"][:-1], "Slipper"]
    Checkpoints(run / "checkpoints").save(contents, best=True)
    (found,) = _begun(job, run)
    assert found.code == "W750"
    assert found.notes == ("only in the data: `Ankle boot`", "only in the run: `Slipper`")


BAD: dict[str, tuple[Callable[[dict[str, Tensor]], Any], str, tuple[str, ...]]] = {
    "missing": (
        lambda w: {n: t for n, t in w.items() if n != "stem.conv.weight"},
        "E750",
        ("missing: `stem.conv.weight`",),
    ),
    "unexpected": (lambda w: w | {"more": w["stem.conv.weight"]}, "E750", ("unexpected: `more`",)),
    "misshapen": (
        lambda w: w | {"stem.conv.weight": w["stem.conv.weight"][:, :1]},
        "E750",
        ("of another shape: `stem.conv.weight` is 4×1×3×3 float32, not 4×3×3×3 float32",),
    ),
    "a classifier of other features": (
        lambda w: w | {"head.classifier.weight": torch.zeros(4, 3)},
        "E750",
        ("`head.classifier.weight` is 4×3",),
    ),
    "no classifier": (
        lambda w: {n: t for n, t in w.items() if not n.startswith("head.classifier")},
        "E750",
        ("missing: `head.classifier.weight`, `head.classifier.bias`",),
    ),
    "renamed": (
        lambda w: {n.replace("stem.conv.", "stem.conv1."): t for n, t in w.items()},
        "E750",
        ("`stem.conv1.weight` may be what is called `stem.conv.weight` here",),
    ),
    "wrapped": (
        lambda w: {f"module.{n}": t for n, t in w.items()},
        "E750",
        ("every name begins with `module.`",),
    ),
    "wrapped, in another order": (
        lambda w: {f"module.{n}": w[n] for n in reversed(w)},
        "E750",
        ("every name begins with `module.`",),
    ),
    "a table in a table": (
        lambda w: {"epoch": 3, "state_dict": w},
        "E751",
        ("no table of tensors", "the table `state_dict` in it may be meant"),
    ),
    "a list": (lambda w: list(w.values()), "E751", ("no table of tensors",)),
    "a whole model": (lambda w: torch.nn.Linear(2, 2), "E751", ("code would be run",)),
    "a function": (lambda w: {"a": print}, "E751", ("code would be run",)),
}


@pytest.mark.parametrize("what", BAD)
def test_weights_of_another_kind_are_refused_by_name(
    tmp_path: Path, weights: dict[str, Tensor], what: str
) -> None:
    change, code, said = BAD[what]
    path = tmp_path / "bad.pt"
    torch.save(change(weights), path)
    with pytest.raises(CompileError) as caught:
        begin_with(path, NETWORK)
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert found.span is not None
    assert (found.span.source.name, found.span.source.text) == ("--init", str(path))
    text = " ".join((found.message, *found.notes, found.help or ""))
    assert all(words in text for words in said), text
    assert "\n" not in text


def test_a_mistake_leaves_no_folder(job: Jobs, tmp_path: Path) -> None:
    torch.save({}, tmp_path / "bad.pt")
    with pytest.raises(CompileError, match="E750"):
        _begun(job, tmp_path / "bad.pt")
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("text.pt", b"garbage\n"),
        ("torn.pt", b"PK\3\4 and no more"),
        ("empty.pt", b""),
        ("code.pt", pickle.dumps(print)),
        ("empty.safetensors", b""),
        ("torn.safetensors", b"\xff" * 8 + b"{"),
        ("text.safetensors", b'\x02\0\0\0\0\0\0\0{"'),
    ],
)
def test_files_of_any_content(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CompileError, match="E751") as caught:
        begin_with(tmp_path / name, NETWORK)
    (found,) = caught.value.diagnostics
    assert "torch.load" not in found.message


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.pt")
    for name, reason in (
        ("gone.pt", "there is no `"),
        ("folder", "last.pt`"),
        ("pipe.pt", "it is no file"),
    ):
        with pytest.raises(CompileError, match="E751") as caught:
            begin_with(tmp_path / name, NETWORK)
        assert reason in caught.value.diagnostics[0].message


def test_a_damaged_checkpoint(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "copy", symlinks=True)
    path = (run / "checkpoints" / "best.pt").resolve()
    contents = torch.load(path, weights_only=True)
    contents["model"]["stem.conv.weight"] += 1
    torch.save(contents, path)
    with pytest.raises(CompileError, match=r"E706.*checksum"):
        begin_with(run, NETWORK)


def test_a_run_goes_on_without_the_file(
    job: Jobs, tmp_path: Path, weights: dict[str, Tensor]
) -> None:
    path = tmp_path / "state.pt"
    torch.save(weights, path)
    whole = ("iterations=4", "checkpoint_every=2", "evaluation_images=10")
    train(job("whole", *whole, init=path))
    train(job("parts", *whole, init=path))
    path.unlink()
    run = tmp_path / "parts" / "checkpoints"
    (run / "last.pt").resolve().unlink()
    train(job("parts", *whole, resume=True))
    assert all(
        torch.equal(t, _model(tmp_path / "whole")[n]) for n, t in _model(tmp_path / "parts").items()
    )
    assert json.loads((tmp_path / "parts" / "run.json").read_text())["initial"]["path"] == str(path)


def test_a_run_that_has_lost_all_checkpoints_does_not_begin_with_others(
    job: Jobs, trained: Path, tmp_path: Path
) -> None:
    _begun(job, trained)
    for path in (tmp_path / "next" / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(CompileError, match=r"E705.*no checkpoint to go on from") as caught:
        train(job("next", *STILL, resume=True))
    assert f"`--init {trained}/checkpoints/best.pt`" in (caught.value.diagnostics[0].help or "")
    # As torchrun starts its processes again: the same words, of which --init is one.
    assert train(job("next", *STILL, resume=True, init=trained)).finished


def test_both_ways_to_begin_are_bad_usage(tmp_path: Path, trained: Path) -> None:
    spec = tmp_path / "tiny.toml"
    spec.write_text(toml_text(TINY))
    words = ["train", str(spec), "--recipe", "smoke", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(group, [*words, "--init", str(trained), "--resume"])
    assert done.exit_code == 2
    assert "--init begins a run and --resume goes on with one" in done.output
    assert not (tmp_path / "run").exists()
