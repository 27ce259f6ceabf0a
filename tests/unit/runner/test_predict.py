"""What `predict` and `masks` say of files is what the emitted file computes, loaded by hand."""

from __future__ import annotations

import csv
import io
import json
import os
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from unit.runner.jobs import QUICK, TINY
from unit.runner.standin import write_photographs

import archcompiler
from archcompiler.cli.program import group
from archcompiler.cli.program import run as run_program
from archcompiler.diagnostics import CompileError
from archcompiler.runner.data.embedded import read_embedded
from archcompiler.runner.masks import MOST
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.report.sheet import Shown, draw_sheet
from archcompiler.runner.store.checkpoint import Checkpoints, read
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.training import Job, train

CLASSES = read_embedded().test.classes
ON_PHOTOGRAPHS = (*QUICK, "data.workers=0", "batch_size=4", "device=cpu")


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the embedded images: grey, 28×28, with a margin of two pixels."""
    folder = RunFolder(tmp_path_factory.mktemp("grey") / "run")
    settings = (*QUICK, "evaluation_images=10")
    train(Job(archcompiler.compile(TINY), load_recipe("smoke", settings), folder, quiet=True))
    return folder.path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run on folders of photographs, and those."""
    home = tmp_path_factory.mktemp("photographs")
    write_photographs(home / "data")
    settings = (*ON_PHOTOGRAPHS, f"data.path={home / 'data'}", "iterations=2")
    network = archcompiler.compile(TINY | {"classes": 2})
    folder = RunFolder(home / "run")
    train(Job(network, load_recipe("imagenet_modern", settings), folder, quiet=True))
    return folder.path, home / "data"


def _probabilities(run: Path, images: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    """(N, classes), from the emitted file; of pixels from 0 to 1."""
    model = runpy.run_path(str(run / "model.py"))["tiny"]()
    model.load_state_dict(torch.load(run / "checkpoints" / "best.pt", weights_only=True)["model"])
    with torch.no_grad():
        found: torch.Tensor = model.eval()((images - mean) / std).softmax(1)
    return found


def _invoke(*words: object) -> Result:
    return CliRunner().invoke(group, [str(word) for word in words])


def _output(*words: object) -> str:
    done = CliRunner().invoke(group, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("more", [(), ("--set", "evaluation_batch=10")], ids=["one", "batches"])
def test_images_of_a_small_data_set(grey: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    test = read_embedded().test
    pixels = test.pixels[::40]
    for i, image in enumerate(pixels):
        Image.fromarray(image[0]).save(tmp_path / f"{i:02}.png")
    padded = np.pad(pixels, ((0, 0), (0, 0), (2, 2), (2, 2))).astype(np.float32) / 255
    images = torch.from_numpy(padded).expand(-1, 3, -1, -1)
    expected = _probabilities(grey, images, 0.286, 0.353)
    found = json.loads(_output("predict", grey, tmp_path, "--format", "json", "--top", 10, *more))
    assert found["size"] == [32, 32]
    assert found["unreadable"] == []
    assert [Path(one["image"]).name for one in found["images"]] == [
        f"{i:02}.png" for i in range(len(pixels))
    ]
    for one, row in zip(found["images"], expected, strict=True):
        shares = {c["class"]: c["probability"] for c in one["classes"]}
        assert [shares[name] for name in CLASSES] == pytest.approx(row.tolist(), abs=1e-6)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_colours_are_grey_to_a_network_that_has_seen_none(grey: Path, tmp_path: Path) -> None:
    """The data set's one channel has filled three, and so does the mean of a file's colours."""
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "0.png")
    mean = np.pad(pixels.astype(np.float64).mean(2).round(), 2).astype(np.float32) / 255
    images = torch.from_numpy(mean).expand(1, 3, -1, -1)
    expected = _probabilities(grey, images, 0.286, 0.353)[0]
    words = ("--format", "json", "--top", 10)
    (found,) = json.loads(_output("predict", grey, tmp_path, *words))["images"]
    shares = {c["class"]: c["probability"] for c in found["classes"]}
    assert [shares[name] for name in CLASSES] == pytest.approx(expected.tolist(), abs=1e-6)


def _middle(path: Path, cover: tuple[int, int], crop: tuple[int, int]) -> torch.Tensor:
    """The (3, H, W) in the middle, from 0 to 1, of a photograph that covers so much."""
    with Image.open(path) as image:
        factor = max(cover[0] / image.height, cover[1] / image.width)
        rows = max(cover[0], round(image.height * factor))
        columns = max(cover[1], round(image.width * factor))
        larger = image.convert("RGB").resize((columns, rows), Image.Resampling.BILINEAR)
    top, left = (rows - crop[0]) // 2, (columns - crop[1]) // 2
    larger = larger.crop((left, top, left + crop[1], top + crop[0]))
    return torch.from_numpy(np.array(larger)).permute(2, 0, 1).float() / 255


def _normal(pixels: torch.Tensor) -> torch.Tensor:
    recipe = load_recipe("imagenet_modern").recipe.data
    mean, std = (torch.tensor(v)[:, None, None] for v in (recipe.mean, recipe.std))
    return (pixels - mean) / std


def test_photographs_in_ten_crops(photographs: tuple[Path, Path]) -> None:
    run, data = photographs
    path = data / "val" / "cat" / "1.jpeg"
    pixels = _middle(path, (37, 37), (37, 37))  # 32 over 0.875
    views = []
    for y, x in ((0, 0), (0, 5), (5, 0), (5, 5), (2, 2)):
        view = pixels[:, y : y + 32, x : x + 32]
        views += [view, view.flip(-1)]
    expected = _probabilities(run, _normal(torch.stack(views)), 0.0, 1.0).mean(0)
    found = json.loads(_output("predict", run, path, "--crops", "10", "--format", "json"))
    shares = {c["class"]: c["probability"] for c in found["images"][0]["classes"]}
    assert [shares["cat"], shares["dog"]] == pytest.approx(expected.tolist(), abs=1e-6)


@pytest.mark.parametrize(
    ("size", "said", "cover"),
    [
        ((32, 48), (), (37, 55)),  # over 0.875
        ((48, 32), (), (55, 37)),
        ((48, 32), ("data.resize=50",), (50, 50)),
    ],
)
def test_photographs_before_a_network_that_is_not_square(
    photographs: tuple[Path, Path],
    tmp_path: Path,
    size: tuple[int, int],
    said: tuple[str, ...],
    cover: tuple[int, int],
) -> None:
    _, data = photographs
    network = archcompiler.compile(TINY | {"classes": 2, "input": [3, *size]})
    settings = (*ON_PHOTOGRAPHS, f"data.path={data}", "evaluation_images=2", *said)
    loaded = load_recipe("imagenet_modern", settings)
    run = RunFolder(tmp_path / "run")
    train(Job(network, loaded, run, quiet=True))
    paths = sorted((data / "val" / "cat").iterdir())
    images = torch.stack([_middle(path, cover, size) for path in paths])
    expected = _probabilities(run.path, _normal(images), 0.0, 1.0)
    found = json.loads(_output("predict", run.path, *paths, "--format", "json"))
    assert found["size"] == list(size)
    for one, row in zip(found["images"], expected, strict=True):
        shares = {c["class"]: c["probability"] for c in one["classes"]}
        assert [shares["cat"], shares["dog"]] == pytest.approx(row.tolist(), abs=1e-6)


def test_it_agrees_with_an_evaluation(photographs: tuple[Path, Path]) -> None:
    run, data = photographs
    _output("eval", run, "--device", "cpu")
    found = json.loads(_output("predict", run, data / "val", "--format", "json", "--top", "1"))
    said = {one["image"]: one["classes"][0]["class"] for one in found["images"]}
    right = [Path(path).parent.name == name for path, name in said.items()]
    assert len(right) == 8
    assert sum(right) / 8 == json.loads((run / "eval.json").read_text())["top1"]


def test_images_of_which_none_can_be_read(photographs: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = photographs
    bad = [tmp_path / name for name in ("a.jpg", "b.jpg")]
    for path in bad:
        path.write_bytes(b"x")
    for command in ("predict", "masks"):
        twice = [*bad[:1], *bad[:1]]
        all_bad = ("any of the 2 images", bad), ("the image", bad[:1]), ("the image", twice)
        for said, paths in all_bad:
            output = tmp_path / "out" / "masks.png"
            out = ("-o", output) if command == "masks" else ()
            with pytest.raises(CompileError, match=rf"E712.*cannot read {said}") as caught:
                _output(command, run, *paths, "--on-error", "skip", *out)
            assert "a.jpg`: " in str(caught.value)
            assert not output.exists()
    some = _invoke("predict", run, *bad, data / "val" / "dog" / "1.jpeg", "--on-error", "skip")
    assert some.exit_code == 0
    one = _output("masks", run, data / "val" / "dog" / "1.jpeg", "-o", tmp_path / "one.png")
    assert "  1 image, 1 mask each" in one


def test_formats_and_files(photographs: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = photographs
    paths = [data / "val" / "dog" / name for name in ("0.PNG", "1.jpeg")]
    lines = _output("predict", run, *paths).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{paths[0]}  ")
    table = _output("predict", run, *paths, "--format", "csv", "--top", "2")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(row["image"], row["rank"]) for row in rows] == [
        (str(path), rank) for path in paths for rank in ("1", "2")
    ]
    assert sum(float(row["probability"]) for row in rows) == pytest.approx(2, abs=1e-5)
    first = rows[0]
    assert (
        lines[0].split("  ")[1].startswith(f"{first['class']} {float(first['probability']):.1%}, ")
    )
    file = tmp_path / "inner" / "out.csv"
    assert _output("predict", run, *paths, "--top", "2", "-o", file) == f"{file}\n"
    assert file.read_text() == table
    assert _invoke("predict", run, *paths, "-o", tmp_path / "out.png").exit_code == 2


def test_odd_names_of_classes_and_files(photographs: tuple[Path, Path], tmp_path: Path) -> None:
    """A line an image, and the same bytes in a pipe as in a file: macOS puts U+202F into names."""
    run, data = photographs
    odd = shutil.copytree(run, tmp_path / "odd", symlinks=True)
    contents = read(run / "checkpoints" / "last.pt")
    contents["classes"] = ["ca\nt", "d\u2028og"]
    Checkpoints(odd / "checkpoints").save(contents, best=True)
    names = ("at 10.31.02\u202fAM.png", "new\nline.png", os.fsdecode(b"no \xff text.png"))
    paths = [str(tmp_path / name) for name in names]
    for path in paths:
        shutil.copy(data / "val" / "dog" / "0.PNG", path)
    for format in ("text", "csv"):
        file = tmp_path / f"out.{format}"
        words = ("predict", odd, *paths, "--format", format)
        _output(*words, "-o", file)
        printed, written = _invoke(*words).stdout_bytes, file.read_bytes()
        if format == "csv":
            assert printed == written
            rows = csv.DictReader(io.StringIO(os.fsdecode(written)))
            assert {row["image"] for row in rows} == set(paths)
        else:
            for text in (printed, written):
                assert len(os.fsdecode(text).splitlines()) == len(paths)


def test_unreadable_images_by_the_policy(photographs: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = photographs
    folder = shutil.copytree(data / "val", tmp_path / "val")
    (folder / "cat" / "2.PNG").write_bytes(b"no picture")
    (folder / "cat" / "notes.txt").write_text("none either")
    refused = _invoke("predict", run, folder)
    assert refused.exception is not None
    assert "E712" in str(refused.exception)
    assert "2.PNG" in str(refused.exception)
    done = _invoke("predict", run, folder, "--on-error", "skip", "--format", "json")
    found = json.loads(done.stdout)
    assert [Path(one["image"]).name for one in found["unreadable"]] == ["2.PNG"]
    assert len(found["images"]) == 7
    assert "W733]: 1 image was left out, as it cannot be read" in done.stderr
    assert "`.txt` files (1)" in done.stderr
    # What the run was told, where nothing is said.
    assert "W733" in _invoke("predict", run, folder, "--set", "data.on_error=skip").stderr


@pytest.mark.parametrize(
    ("name", "code"), [("gone.png", "E712"), ("empty", "E704"), ("pipe.png", "E712")]
)
def test_what_is_no_image(
    grey: Path, tmp_path: Path, name: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    assert run_program(["predict", str(grey), str(tmp_path / name)]) == 2
    assert f"error[{code}]" in capsys.readouterr().err


def test_a_checkpoint_without_names(grey: Path, tmp_path: Path) -> None:
    run = shutil.copytree(grey, tmp_path / "run", symlinks=True)
    contents = read(run / "checkpoints" / "last.pt")
    del contents["classes"]
    Checkpoints(run / "checkpoints").save(contents, best=True)
    Image.new("L", (28, 28)).save(tmp_path / "0.png")
    done = _invoke("predict", run, tmp_path / "0.png", "--format", "csv", "--top", "99")
    assert "W740" in done.stderr
    named = {row["class"] for row in csv.DictReader(io.StringIO(done.stdout))}
    assert named == set(map(str, range(10)))


def test_masks_of_a_folder(photographs: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = photographs
    sheet, one = tmp_path / "all.png", tmp_path / "one.png"
    assert "8 images, 1 mask each" in _output("masks", run, data / "val", "-o", sheet)
    _output("masks", run, data / "val" / "cat" / "0.PNG", "-o", one)
    with Image.open(sheet) as all_rows, Image.open(one) as row:
        assert all_rows.height - row.height == 7 * (192 + 52 + 8)
        colours = {colour for _, colour in row.getcolors(1 << 20)}
        # Both ends of the scale.
        assert {(13, 8, 60), (252, 255, 164)} <= colours
    for i in range(MOST + 1):
        (tmp_path / "many" / f"{i}.png").parent.mkdir(exist_ok=True)
        (tmp_path / "many" / f"{i}.png").touch()
    assert "E714" in str(_invoke("masks", run, tmp_path / "many").exception)
    assert "E712" in str(_invoke("masks", run, tmp_path / "many" / "0.png").exception)
    mixed = (tmp_path / "many" / "0.png", data / "val" / "cat" / "0.PNG")
    skipped = _invoke("masks", run, *mixed, "--on-error", "skip", "-o", one)
    assert skipped.exit_code == 0
    assert "W733" in skipped.stderr


def test_a_sheet_is_as_wide_as_its_masks() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    for count in (4, 5):
        masks = {f"stage{i}.attention1.mask": np.eye(3, dtype=np.float32) for i in range(count)}
        sheet = np.asarray(draw_sheet([Shown("a.png", picture, masks, "cat 51.0%")]))
        (drawn,) = np.nonzero((sheet != 255).any((0, 2)))
        assert drawn[0] == sheet.shape[1] - 1 - drawn[-1] > 0


def test_a_sheet_is_not_written_over_an_image(photographs: tuple[Path, Path]) -> None:
    run, data = photographs
    image = data / "val" / "cat" / "0.PNG"
    before = image.read_bytes()
    for given in (image, data / "val"):
        assert "E407" in str(_invoke("masks", run, given, "-o", image).exception)
    said = ("predict", run, image, "--format", "json", "-o", image)
    assert "E407" in str(_invoke(*said).exception)
    assert image.read_bytes() == before


def test_a_margin_that_leaves_nothing_is_refused(grey: Path, tmp_path: Path) -> None:
    Image.new("L", (28, 28)).save(tmp_path / "0.png")
    for pad in (16, 200):
        tried = _invoke("predict", grey, tmp_path / "0.png", "--set", f"data.pad={pad}")
        assert "E703" in str(tried.exception)
    assert _invoke("predict", grey, tmp_path / "0.png", "--set", "data.pad=15").exit_code == 0
