"""An export is complete without this package, right, and never over what somebody has edited."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from documents import fences
from markdown_it import MarkdownIt
from PIL import Image
from runtimes import RUNTIMES
from safetensors import safe_open
from safetensors.torch import load_file
from unit.runner.jobs import QUICK, TINY
from unit.runner.standin import write_photographs

import archcompiler
from archcompiler.cli.program import group
from archcompiler.cli.program import run as run_program
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics.render.visible import visible
from archcompiler.emit.load import load_module
from archcompiler.runner.data.embedded import read_embedded
from archcompiler.runner.export import exporting, onnx_model, weights
from archcompiler.runner.export.folder import NAMES
from archcompiler.runner.export.history import pathless
from archcompiler.runner.export.markdown import code
from archcompiler.runner.export.words import augmentation_words
from archcompiler.runner.recipe.augment import Augment, ColourJitter, RandAugment
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.recipe.model import Embedded, Folder
from archcompiler.runner.store.checkpoint import Checkpoints, read
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.training import Job, train
from archcompiler.verify.inference import apart

ALONE = """
import sys
sys.modules["archcompiler"] = None
try:
    import archcompiler
except ImportError:
    pass
else:
    raise SystemExit("archcompiler is here")
sys.path.insert(0, ".")
example, *images = sys.argv[1:]
for image in images:
    exec(compile(example.replace('"photo.jpg"', repr(image)), "README.md", "exec"), {})
    print("---")
"""
"""Runs the example of a card for each image, where no archcompiler can be imported."""
CLASSES = read_embedded().test.classes


def _trained(folder: Path, *settings: str, recipe: str = "smoke", **spec: Any) -> Path:
    run = RunFolder(folder)
    loaded = load_recipe(recipe, (*QUICK, "iterations=4", "evaluation_images=10", *settings))
    train(Job(archcompiler.compile(TINY | spec), loaded, run, quiet=True))
    return run.path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs on images in colour and grey with a margin, and on photographs."""
    home = tmp_path_factory.mktemp("trained")
    write_photographs(home / "data")
    photographs = ("data.workers=0", "batch_size=4", "device=cpu", f"data.path={home / 'data'}")
    return {
        "colour": _trained(home / "colour", "ema=0.9"),
        "grey": _trained(
            home / "grey", "data.grey=keep", "data.mean=[0.3]", "data.std=[0.4]", input=[1, 32, 32]
        ),
        "photographs": _trained(
            home / "photographs", *photographs, recipe="imagenet_modern", classes=2,
            title="Cats or dogs", input=[3, 32, 48],
        ),
        "untouched": _trained(
            home / "untouched", *photographs, "data.exif_orientation=false", "data.resize=50",
            recipe="imagenet_modern", classes=2,
        ),
    }  # fmt: skip


@pytest.fixture
def run(trained: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(trained["colour"], tmp_path / "run", symlinks=True)


def _invoke(*words: object) -> Result:
    return CliRunner().invoke(group, [str(word) for word in words])


def _export(run: Path, *words: object) -> str:
    done = CliRunner().invoke(group, ["export", str(run), *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def _exported(run: Path, *words: object) -> Path:
    _export(run, "--no-onnx", *words)
    return run / "export"


def _refused(run: Path, *words: object) -> str:
    done = _invoke("export", run, *words)
    assert done.exception is not None
    return str(done.exception)


def _header(card: str) -> Any:
    return yaml.safe_load(card.split("---\n")[1])


def _said(folder: Path, images: Sequence[Path]) -> list[list[str]]:
    """What the example of a card prints of each image."""
    (example,) = fences((folder / "README.md").read_text(encoding="utf-8"), "python")
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, example, *map(str, images)],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return [part.strip().splitlines() for part in done.stdout.split("---\n")[:-1]]


def _change(run: Path, **parts: Any) -> None:
    """Another checkpoint, the best, with these parts of its contents."""
    contents = read(run / "checkpoints" / "best.pt") | parts
    Checkpoints(run / "checkpoints").save({k: v for k, v in contents.items() if v != ()}, best=True)


@pytest.fixture(scope="module")
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


@pytest.mark.parametrize("name", ["colour", "grey", "photographs", "untouched"])
def test_the_example_of_the_card_says_what_predict_says(
    name: str, trained: dict[str, Path], images: list[Path], tmp_path: Path
) -> None:
    run = trained[name]
    _export(run, "--no-onnx", "-o", tmp_path / "out")
    # Elsewhere, where nothing of the run is.
    folder = Path(shutil.move(tmp_path / "out", tmp_path / "moved"))
    done = _invoke("predict", run, *images, "--format", "json", "--device", "cpu")
    predicted = [one["classes"] for one in json.loads(done.stdout)["images"]]
    said = _said(folder, images)
    assert len(said) == len(predicted) == len(images)
    for lines, classes in zip(said, predicted, strict=True):
        assert [line.split(" ", 1)[1] for line in lines] == [c["class"] for c in classes]
        shares = [float(line.split("%")[0]) / 100 for line in lines]
        assert shares == pytest.approx([c["probability"] for c in classes], abs=6e-4)
    assert len({tuple(lines) for lines in said}) > 1


def test_every_file_is_what_it_is_said_to_be(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _exported(run)
    assert {path.name for path in folder.iterdir()} == set(NAMES) - {"model.onnx"}
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums.keys() == set(NAMES) - {"model.onnx", "SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    monkeypatch.chdir(folder)
    assert _invoke("build", "spec.toml", "-o", "built.py").exit_code == 0
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
    assert (how["input"], how["mean"], how["channels"]) == ([3, 32, 32], [0.286] * 3, "RGB")


def test_the_same_run_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    _export(run, "--no-onnx", "-o", tmp_path / "a")
    words = [sys.executable, "-m", "archcompiler", "export", "../run", "--no-onnx", "-o", "../b"]
    (tmp_path / "elsewhere").mkdir()
    subprocess.run(words, cwd=tmp_path / "elsewhere", check=True, stdout=subprocess.DEVNULL)
    data = (tmp_path / "a" / "model.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    # Of several orders, which the writer draws.
    assert list(header["__metadata__"]) == sorted(header["__metadata__"])
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_onnx_is_the_network_for_any_batch(run: Path) -> None:
    import onnx
    import onnxruntime

    assert re.search(r"model\.onnx gives them within \d\.\de-\d\d", _export(run, "--onnx"))
    path = run / "export" / "model.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
    assert {each.key: each.value for each in model.metadata_props}["name"] == "tiny"
    # Channels last would be a way there and back.
    assert not {node.op_type for node in model.graph.node} & {"Gather", "Range", "Transpose"}
    # The exporter notes files of this machine beside every operator.
    assert not re.search(rb"site-packages|\.py\b|stack_trace", path.read_bytes())
    module = archcompiler.compile(run / "spec.toml").module().eval()
    module.load_state_dict(load_file(run / "export" / "model.safetensors"))
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        x = torch.randn(count, 3, 32, 32)
        (found,) = session.run(["logits"], {"images": x.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(found), module(x), rtol=1e-4, atol=1e-4)
    before = path.read_bytes()
    assert "model.onnx  unchanged" in _export(run)
    assert path.read_bytes() == before
    assert "- onnx\n" in (run / "export" / "README.md").read_text()
    # Not of these weights any longer.
    assert "model.onnx  removed" in _export(run, "--no-onnx")
    assert not path.exists()


def test_an_export_for_inference_has_the_weights_folded(
    run: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = json.loads(_export(run, "--deploy", "--onnx", "--format", "json"))["networks"][0]
    assert (done["name"], done["onnx_opset"]) == ("tiny_deploy", 18)
    folder = run / "deploy"
    source = (folder / "model.py").read_text()
    assert "BatchNorm" not in source
    model = load_module("exported", source).tiny_deploy()
    folded = load_file(folder / "model.safetensors")
    model.load_state_dict(folded)
    # The emitted loader makes the same of the checkpoint.
    other = load_module("exported", source).tiny_deploy()
    other.load_trained(run / "checkpoints" / "best.pt")
    assert all(torch.equal(tensor, folded[name]) for name, tensor in other.state_dict().items())
    trained = archcompiler.compile(run / "spec.toml").module().eval()
    trained.load_state_dict(read(run / "checkpoints" / "best.pt")["model"])
    x = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        wanted = trained(x)
        assert apart(wanted, model(x)) < 1e-5
    for runtime in RUNTIMES:
        assert apart(wanted, runtime((folder / "model.onnx").read_bytes(), x)) < 1e-4
    done = _invoke("predict", run, images[0], "--format", "json", "--device", "cpu")
    (predicted,) = json.loads(done.stdout)["images"]
    (lines,) = _said(folder, images[:1])
    assert [line.split(" ", 1)[1] for line in lines] == [c["class"] for c in predicted["classes"]]
    monkeypatch.chdir(folder)
    assert _invoke("build", "spec.toml", "--deploy", "-o", "built.py").exit_code == 0
    assert (folder / "built.py").read_text() == source


def test_an_export_for_inference_that_computes_something_else_is_not_written(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = exporting.folded_module

    def changed(*given: Any) -> Any:
        module = original(*given)
        with torch.no_grad():
            module.head.classifier.bias += 1e-3
        return module

    monkeypatch.setattr(exporting, "folded_module", changed)
    assert "E760" in _refused(run, "--deploy", "--no-onnx")
    assert not (run / "deploy").exists()


def test_onnx_where_its_packages_are_not(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = onnx_model.find_spec
    monkeypatch.setattr(onnx_model, "find_spec", lambda n: None if n == "onnxscript" else found(n))
    refused = _refused(run, "--onnx")
    assert "E761" in refused
    assert "onnxscript not installed" in refused
    assert not (run / "export").exists()
    assert "left out: pip install 'archcompiler[onnx]'" in _export(run)
    assert "left out" not in _export(run, "--no-onnx")
    assert not (run / "export" / "model.onnx").exists()


def test_onnx_that_nothing_can_run_is_unchecked(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = onnx_model.find_spec
    monkeypatch.setattr(onnx_model, "find_spec", lambda n: None if n == "onnxruntime" else found(n))
    assert "model.onnx is unchecked" in _export(run, "--onnx")


def test_what_takes_long_is_said(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_MANY", 1)
    monkeypatch.setattr(exporting, "onnx_bytes", lambda *_: b"")
    monkeypatch.setattr(exporting, "runtime_deviation", lambda *_: 0.0)
    done = _invoke("export", run, "--onnx")
    assert done.exit_code == 0, done.output
    assert re.fullmatch(r"model\.onnx of \d+ operators takes torch some minutes\n", done.stderr)


def test_onnx_that_torch_cannot_export(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def export(*_: object, **__: object) -> None:
        raise RuntimeError("no such operator\nand a page more")

    monkeypatch.setattr(torch.onnx, "export", export)
    refused = _refused(run)
    assert "E761" in refused
    assert "no such operator" in refused
    assert "a page more" not in refused
    assert not (run / "export").exists()


def test_what_float32_cannot_tell_apart_is_the_same(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As weights for which no tolerance that is said beforehand is large enough.
    monkeypatch.setattr(weights, "TOLERANCE", 0.0)
    assert "model.onnx gives them" in _export(run, "--onnx")
    monkeypatch.setattr(weights, "_TIMES", 0)
    assert "E760" in _refused(run, "--onnx", "-o", run / "other")


@pytest.mark.parametrize("which", ["weights", "onnx", "spec"])
def test_what_computes_something_else_is_not_written(
    which: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"weights": "weights_bytes", "onnx": "onnx_bytes", "spec": "spec_text"}[which]
    original: Callable[..., Any] = getattr(exporting, name)

    def changed(first: Any, *more: Any) -> Any:
        if which == "spec":
            return original(first).replace("modules = 1", "modules = 2")
        with torch.no_grad():
            bias = first.head.classifier.bias
            before = bias.clone()
            # By as little as there is, or by a part in a thousand.
            bias.copy_(bias.nextafter(bias + 1) if which == "weights" else bias + 1e-3)
            data = original(first, *more)
            bias.copy_(before)
        return data

    monkeypatch.setattr(exporting, name, changed)
    assert "E760" in _refused(run, "--onnx" if which == "onnx" else "--no-onnx")
    assert not (run / "export").exists()


def test_what_was_edited_is_left_alone(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _exported(run)
    card = folder / "README.md"
    ours = card.read_text(encoding="utf-8")
    card.write_text(ours + "\nLicence: mine.\n", encoding="utf-8")
    refused = _refused(run, "--no-onnx")
    assert "E402" in refused
    assert "README.md` was edited since" in refused
    assert "model.py" not in refused
    # Before what takes minutes.
    monkeypatch.setattr(exporting, "onnx_bytes", None)
    assert "README.md` was edited since" in _refused(run, "--onnx")
    assert card.read_text(encoding="utf-8").endswith("mine.\n")
    assert "README.md  updated" in _export(run, "--no-onnx", "--force")
    assert card.read_text(encoding="utf-8") == ours


def test_an_export_that_nobody_has_touched_is_written_anew(run: Path) -> None:
    folder = _exported(run)
    shutil.copytree(folder, folder / "__pycache__")
    (folder / ".gitattributes").touch()
    (folder / ".model.py.0123abcd.partial").touch()
    os.utime(folder / ".model.py.0123abcd.partial", (0, 0))
    assert "updated" not in _export(run, "--no-onnx")
    assert not (folder / ".model.py.0123abcd.partial").exists()
    _change(run, iteration=99)
    told = _export(run, "--no-onnx")
    assert "README.md  updated" in told
    assert "model.py  unchanged" in told
    # As a death between two files leaves them: some new, and the list of the old ones.
    new = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    _change(run, iteration=100)
    _export(run, "--no-onnx")
    for name in ("README.md", "model.py"):
        (folder / name).write_bytes(new[name])
    _change(run, iteration=99)
    assert "SHA256SUMS  updated" in _export(run, "--no-onnx")
    assert (folder / "SHA256SUMS").read_bytes() == new["SHA256SUMS"]


@pytest.mark.parametrize("name", ["notes.txt", "model.py", "SHA256SUMS", "README.md"])
def test_a_folder_of_somebody_else_is_left_alone(name: str, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_text("mine")
    refused = _refused(run, "--no-onnx", "-o", folder)
    assert "E402" in refused
    assert name in refused
    assert [path.name for path in folder.iterdir()] == [name]
    _export(run, "--no-onnx", "-o", folder, "--force")
    assert (name == "notes.txt") == ((folder / name).read_text() == "mine")


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_no_export_goes_into_a_run(force: tuple[str, ...], run: Path) -> None:
    before = (run / "spec.toml").read_bytes()
    assert "E705" in _refused(run, "--no-onnx", "-o", run, *force)
    assert (run / "spec.toml").read_bytes() == before
    assert not (run / "SHA256SUMS").exists()


def test_a_run_that_may_not_be_written(
    run: Path, tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    read_only(run)
    refused = _refused(run, "--no-onnx")
    assert "E710" in refused
    assert "read-only file system" in refused
    assert "`--output`" in refused
    assert not list((run / "export").iterdir())
    _export(run, "--no-onnx", "-o", tmp_path / "new" / "folder")


def test_a_checkpoint_has_a_folder_of_its_own(run: Path) -> None:
    _export(run / "checkpoints" / "last.pt", "--no-onnx")
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
    _exported(run)
    words = [command, str(run / what), *([str(images[0])] if command == "predict" else ())]
    assert run_program(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error[E705]: ")
    assert f"help: name the run: `{run}`" in said


def test_a_run_without_names(run: Path, images: list[Path]) -> None:
    _change(run, classes=())
    done = _invoke("export", run, "--no-onnx")
    assert "W740" in done.stderr
    folder = run / "export"
    assert "called by their numbers" in (folder / "README.md").read_text(encoding="utf-8")
    (lines,) = _said(folder, images[:1])
    assert {line.split(" ", 1)[1] for line in lines} <= set(map(str, range(10)))


def test_results_are_of_these_weights_and_say_of_which_images(run: Path) -> None:
    card = (_exported(run) / "README.md").read_text(encoding="utf-8")
    assert "model-index" not in _header(card)
    assert "| validation | 10 | 1 crop, 32×32 pixels |" in card
    assert _invoke("eval", run, "--images", "30", "--device", "cpu").exit_code == 0
    assert _invoke("eval", run, "--images", "20", "--crops", "10").exit_code == 0
    found = json.loads((run / "eval.json").read_text())
    (run / "eval-other.json").write_text(json.dumps(found | {"iteration": 7, "top1": 0.75}))
    (run / "eval-torn.json").write_text("{")
    (run / "eval-nan.json").write_text(json.dumps(found | {"top1": float("nan")}))
    card = (_exported(run) / "README.md").read_text(encoding="utf-8")
    (entry,) = _header(card)["model-index"]
    assert entry["name"] == "tiny"
    one = next(r for r in entry["results"] if "1 crop" in r["metrics"][0]["name"])
    assert len(entry["results"]) == 2
    assert one["task"]["type"] == "image-classification"
    assert one["dataset"]["split"] == "test"
    assert one["metrics"][0]["value"] == found["top1"]
    assert one["metrics"][1]["value"] == found["top5"]
    assert "75.00%" not in card
    assert f"| test | 30 | 1 crop, 32×32 pixels | {found['top1']:.2%} |" in card
    assert "| test | 20 | 10 crops, 32×32 pixels |" in card
    # Of other images than the run's, as far as one can tell.
    other = ("data.validation=0.5", "evaluation_batch=7")
    settings = [word for setting in other for word in ("--set", setting)]
    assert _invoke("eval", run, "--images", "30", *settings).exit_code == 0
    assert json.loads((run / "eval.json").read_text())["settings"] == list(other)
    card = (_exported(run, "--force") / "README.md").read_text(encoding="utf-8")
    assert "| test | 30 |" not in card
    assert _invoke("eval", run, "--images", "30", *settings[2:]).exit_code == 0
    card = (_exported(run, "--force") / "README.md").read_text(encoding="utf-8")
    assert "| test | 30 |" in card


def test_augmentation_is_in_words() -> None:
    """Each by its name, and of what is off nothing."""
    embedded, folder = Embedded(), Folder(scale=(0.25, 1.0))
    assert augmentation_words(Augment(), embedded) == "none"
    crops = "random crops of 25 to 100 % of an image"
    assert augmentation_words(Augment(), folder) == crops
    values: dict[str, tuple[object, str]] = {
        "flip": (True, "flip"),
        "crop_padding": (4, "random crops after 4 pixels of padding"),
        "randaugment": (RandAugment(layers=2), "RandAugment 2 × magnitude 9"),
        "colour": (
            ColourJitter(brightness=0.4, saturation=0.2),
            "colour jitter 0.4/0/0.2 (brightness/contrast/saturation)",
        ),
        "lighting": (0.1, "lighting noise 0.1"),
        "cutout": (8, "cutout 8×8"),
        "erase": (0.25, "random erasing 0.25"),
        "mixup": (0.2, "mixup 0.2"),
        "cutmix": (1.0, "CutMix 1"),
        "label_noise": (0.3, "label noise 0.3"),
    }
    assert values.keys() == Augment.model_fields.keys()
    for name, (value, words) in values.items():
        assert augmentation_words(Augment(**{name: value}), embedded) == words


def test_few_classes_have_no_top5(trained: dict[str, Path], tmp_path: Path) -> None:
    _export(trained["photographs"], "--no-onnx", "-o", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert re.search(r"\| validation \| 2 \| 1 crop, 32×48 pixels \| \d+\.\d\d% \| – \|", card)
    assert "| data | data (image folders) |" in card
    assert "# Cats or dogs\n" in card


HOSTILE = [
    "<script>alert(1)</script>", "a | b", "*bold* _it_ `code`", "[x](http://evil.example)",
    "line\nbreak\n\n# title", "\u202eright\u2066", '"quoted": {yaml} & *x', "![i](http://x.y/z)",
    "\x1b[31mred\x00", "www.evil.example \\ ~~no~~ $x$ :tada: @all",
]  # fmt: skip


def test_text_of_others_stands_as_itself(run: Path) -> None:
    _change(run, classes=HOSTILE)
    title = "# T <b>| ---\n: x\u202e"
    spec = archcompiler.compile(run / "spec.toml").spec.model_dump(mode="json", exclude_none=True)
    settings = spec | {"title": title, "description": "- [d](javascript:x)\n---\n<img src=x>"}
    (run / "spec.toml").unlink()
    (run / "spec.toml").write_text(toml_text(settings), encoding="utf-8")
    record = json.loads((run / "run.json").read_text())
    evil = "x`|\n---\n<i>\u202e"
    record["data_sha256"] = evil
    record["initial"] = {"path": f"/a/{evil}", "sha256": evil, "iteration": 3}
    record["starts"] = [
        {"time": evil, "commit": evil, "device": evil, "versions": {evil: evil}, "command": 3},
        {"command": ["archcompiler", "train", evil], "processes": "many"},
        7,
    ]
    (run / "run.json").write_text(json.dumps(record))
    iteration = read(run / "checkpoints" / "best.pt")["iteration"]
    name = (run / "checkpoints" / "best.pt").resolve().name
    (run / "eval.json").write_text(
        json.dumps(
            {
                "iteration": iteration, "checkpoint": name, "split": evil, "images": 3,
                "size": [32, 32], "top1": 0.5, "top5": "all",
            }
        )
    )  # fmt: skip
    folder = _exported(run)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", card
    )
    (entry,) = _header(card)["model-index"]
    assert entry["results"][0]["dataset"]["split"] == evil
    body = card.split("---\n", 2)[2]
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(body)
    assert not [t for t in tokens if t.type == "html_block"]
    kinds = {c.type for t in tokens for c in t.children or ()}
    assert kinds <= {"text", "code_inline", "softbreak", "text_special"}
    headings = [tokens[i + 1] for i, t in enumerate(tokens) if t.type == "heading_open"]
    assert len(headings) == 7
    cells = ["".join(c.content for c in t.children or ()) for t in tokens if t.type == "inline"]
    for number, each in enumerate(HOSTILE):
        at = cells.index(visible(each))
        assert cells[at - 1] == str(number)
    assert json.loads((folder / "preprocessing.json").read_text())["classes"] == HOSTILE


def test_nothing_of_the_machine_is_in_it(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    (start,) = record["starts"]
    start["host"] = "secret-host"
    start["folder"] = "/home/secret-user/project"
    start["command"] = [
        "/home/secret-user/.venv/bin/python", "/home/secret-user/.venv/bin/archcompiler", "train",
        "/home/secret-user/nets/my.toml", "--set", 'data.path="/mnt/secret disk/x, y/shoes"',
        "--out=~/secret/run",
    ]  # fmt: skip
    record["initial"] = {"path": "/mnt/secret/weights.pt", "sha256": "ab", "iteration": None}
    (run / "run.json").write_text(json.dumps(record))
    folder = _exported(run)
    for path in folder.iterdir():
        assert not re.search(rb"secret|/tmp/|/home/", path.read_bytes()), path.name
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "`archcompiler train my.toml --set data.path=shoes --out=run`" in card
    assert "| the weights of `weights.pt`, sha256 `ab` |" in card


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("runs/smoke", "runs/smoke"), ("./my.toml", "./my.toml"), ("lr=0.1", "lr=0.1"),
        ("/a/b.toml", "b.toml"), ("../../client/b.toml", "b.toml"), ("~/b", "b"),
        ("~you/b", "b"), ("C:\\Users\\you\\b", "b"), ("data.path=/a/b", "data.path=b"),
        ("data.path='/a/b/'", "data.path=b"), ("/", "…"), ("file:///a/b", "file:b"),
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere_lose_all_but_their_name(word: str, kept: str) -> None:
    assert pathless([word]) == [kept]


def test_code_may_have_backticks() -> None:
    rendered = (
        MarkdownIt("commonmark").enable("table").render(f"| a |\n| - |\n| {code('a`|``b')} |")
    )
    assert "<code>a`|``b</code>" in rendered
