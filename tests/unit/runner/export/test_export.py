"""An export is complete without this package, right, and never over what somebody has edited."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from unit.runner.export.exported import (
    change_checkpoint,
    export,
    exported,
    invoke,
    refusal,
)

from archcompiler.cli.program import run as run_program
from archcompiler.diagnostics import CompileError
from archcompiler.runner.data.embedded import read_embedded
from archcompiler.runner.export import exporting
from archcompiler.runner.export.folder import NAMES
from archcompiler.runner.export.weights import deviation
from archcompiler.runner.store.checkpoint import read

CLASSES = read_embedded().test.classes


def test_every_file_is_what_it_is_said_to_be(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = exported(run)
    assert {path.name for path in folder.iterdir()} == set(NAMES) - {"model.onnx"}
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums.keys() == set(NAMES) - {"model.onnx", "SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    monkeypatch.chdir(folder)
    assert invoke("build", "spec.toml", "-o", "built.py").exit_code == 0
    assert (folder / "built.py").read_bytes() == (folder / "model.py").read_bytes()
    contents = read(run / "checkpoints" / "best.pt")
    weights = load_file(folder / "model.safetensors")
    assert weights.keys() == contents["model"].keys()
    assert all(torch.equal(t, contents["model"][name]) for name, t in weights.items())
    # The moving average, not what goes on to be trained.
    assert any(not torch.equal(t, weights[name]) for name, t in contents["parameters"].items())
    with safe_open(folder / "model.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "pt"
    assert metadata["name"] == "tiny"
    assert json.loads(metadata["classes"]) == list(CLASSES)
    how = json.loads((folder / "preprocessing.json").read_text())
    assert how["classes"] == list(CLASSES)
    assert (how["resize"], how["crop"], how["pad"]) == ([28, 28], [28, 28], 2)
    assert (how["input"], how["mean"], how["channels"]) == ([3, 32, 32], [0.286] * 3, "grey")


def test_the_same_run_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    export(run, "--no-onnx", "-o", tmp_path / "a")
    words = [sys.executable, "-m", "archcompiler", "export", "../run", "--no-onnx", "-o", "../b"]
    (tmp_path / "elsewhere").mkdir()
    subprocess.run(words, cwd=tmp_path / "elsewhere", check=True, stdout=subprocess.DEVNULL)
    data = (tmp_path / "a" / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    assert size % 8 == 0  # so that tensors begin where a processor reads them at once
    header = json.loads(data[8 : 8 + size])
    # Of several orders, which the writer draws.
    assert list(header["__metadata__"]) == sorted(header["__metadata__"])
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_deviation_is_a_share_of_the_largest_logit(scale: float) -> None:
    module = torch.nn.Linear(4, 3, bias=False)
    images = torch.eye(4)
    with torch.no_grad():
        module.weight.copy_(scale * torch.linspace(-1, 1, 12).view(3, 4))
    found = module(images).detach()
    found[0, 0] += 5e-5 * scale
    assert deviation(module, images, found, "it") == pytest.approx(5e-5, rel=1e-2)
    found[0, 0] += 1e-3 * scale
    with pytest.raises(CompileError, match=r"E760.*it gives other logits than the run"):
        deviation(module, images, found, "it")


def test_what_was_edited_is_left_alone(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = exported(run)
    card = folder / "README.md"
    ours = card.read_text(encoding="utf-8")
    card.write_text(ours + "\nLicence: mine.\n", encoding="utf-8")
    refused = refusal(run, "--no-onnx")
    assert "E402" in refused
    assert "README.md` was edited since" in refused
    assert "model.py" not in refused
    # Before what takes minutes.
    monkeypatch.setattr(exporting, "onnx_bytes", None)
    assert "README.md` was edited since" in refusal(run, "--onnx")
    assert card.read_text(encoding="utf-8").endswith("mine.\n")
    assert "README.md  updated" in export(run, "--no-onnx", "--force")
    assert card.read_text(encoding="utf-8") == ours


def test_an_export_that_nobody_has_touched_is_written_anew(run: Path) -> None:
    folder = exported(run)
    shutil.copytree(folder, folder / "__pycache__")
    (folder / ".gitattributes").touch()
    (folder / ".model.py.0123abcd.partial").touch()
    os.utime(folder / ".model.py.0123abcd.partial", (0, 0))
    assert "updated" not in export(run, "--no-onnx")
    assert not (folder / ".model.py.0123abcd.partial").exists()
    change_checkpoint(run, iteration=99)
    told = export(run, "--no-onnx")
    assert "README.md  updated" in told
    assert "model.py  unchanged" in told
    # As a death between two files leaves them: some new, and the list of the old ones.
    new = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    change_checkpoint(run, iteration=100)
    export(run, "--no-onnx")
    for name in ("README.md", "model.py"):
        (folder / name).write_bytes(new[name])
    change_checkpoint(run, iteration=99)
    assert "SHA256SUMS  updated" in export(run, "--no-onnx")
    assert (folder / "SHA256SUMS").read_bytes() == new["SHA256SUMS"]


@pytest.mark.parametrize("name", ["notes.txt", "model.py", "SHA256SUMS", "README.md"])
def test_a_folder_of_somebody_else_is_left_alone(name: str, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_text("mine")
    refused = refusal(run, "--no-onnx", "-o", folder)
    assert "E402" in refused
    assert name in refused
    assert [path.name for path in folder.iterdir()] == [name]
    export(run, "--no-onnx", "-o", folder, "--force")
    assert (name == "notes.txt") == ((folder / name).read_text() == "mine")


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_no_export_goes_into_a_run(force: tuple[str, ...], run: Path) -> None:
    before = (run / "spec.toml").read_bytes()
    assert "E705" in refusal(run, "--no-onnx", "-o", run, *force)
    assert (run / "spec.toml").read_bytes() == before
    assert not (run / "SHA256SUMS").exists()


def test_a_run_that_may_not_be_written(
    run: Path, tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    read_only(run)
    refused = refusal(run, "--no-onnx")
    assert "E710" in refused
    assert "read-only file system" in refused
    assert "`--output`" in refused
    assert not (run / "export").exists()
    export(run, "--no-onnx", "-o", tmp_path / "new" / "folder")


def test_a_checkpoint_has_a_folder_of_its_own(run: Path) -> None:
    export(run / "checkpoints" / "last.pt", "--no-onnx")
    assert (run / "export-iteration-000000004" / "model.py").is_file()
    assert not (run / "export").exists()


def test_exit_codes_and_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(["export", str(run / "none")]) == 2
    assert "error[E705]" in capsys.readouterr().err
    assert run_program(["export", str(run), "--no-onnx", "--format", "json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["networks"]
    assert told["name"] == "tiny"
    assert told["iteration"] in (2, 4)
    files = {Path(file["file"]).name: file for file in told["files"]}
    assert files.keys() == set(NAMES) - {"model.onnx"}
    for name, file in files.items():
        assert file["bytes"] == (run / "export" / name).stat().st_size
        assert file["written"] == "created"
    (run / "export" / "spec.toml").write_text("")
    assert run_program(["export", str(run), "--no-onnx", "--format", "json"]) == 2
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert found["code"] == "E402"


@pytest.mark.parametrize("command", ["eval", "predict"])
@pytest.mark.parametrize("what", ["export/model.safetensors", "export"])
def test_an_export_is_no_run(
    command: str, what: str, run: Path, images: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    exported(run)
    words = [command, str(run / what), *([str(images[0])] if command == "predict" else ())]
    assert run_program(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error[E705]: ")
    assert f"help: name the run: `{run}`" in said
