"""Folders of images: what is read, what is left out, what is held back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import ExifTags, Image
from unit.runner.jobs import TINY
from unit.runner.standin import write_photographs

import archcompiler
from archcompiler.cli.program import group
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError
from archcompiler.runner.data.fitting import large_batch
from archcompiler.runner.data.folder import Centred, Key, TrainingCrops, centred, collate
from archcompiler.runner.data.listing import list_given, list_test, list_training
from archcompiler.runner.data.opening import open_data, open_split
from archcompiler.runner.data.source import EvaluationPlan
from archcompiler.runner.data.validation import divide
from archcompiler.runner.data.views import usual_view, view_of
from archcompiler.runner.evaluation import Variant
from archcompiler.runner.recipe.loading import LoadedRecipe, load_recipe
from archcompiler.runner.recipe.model import Folder
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.checkpoint import read
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.training import Job, train

CPU = torch.device("cpu")


def _folder(path: Path, **options: Any) -> Folder:
    return Folder(type="folder", path=str(path), mean=(0.5,) * 3, std=(1.0,) * 3, **options)


def _recipe(path: Path, *settings: str) -> LoadedRecipe:
    usual = ("device=cpu", "data.workers=0", "batch_size=4", f"data.path={path}")
    return load_recipe("imagenet_paper", (*usual, *settings))


def _network(*size: int) -> CompiledNetwork:
    return archcompiler.compile(TINY | {"input": [3, *size], "classes": 2})


def _job(
    folder: Path, network: archcompiler.CompiledNetwork, recipe: LoadedRecipe, **more: Any
) -> Job:
    return Job(network, recipe, RunFolder(folder), quiet=True, **more)


def _save(path: Path, colour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (colour,) * 3).save(path)


def test_every_format_and_folders_inside_are_read(tmp_path: Path) -> None:
    names = ("0.png", "1.tif", "2.gif", "3.JPG", "more/4.png", "more/yet more/5.webp")
    for name in names:
        _save(tmp_path / "train" / "cat" / name)
    files = list_training(_folder(tmp_path))
    assert files.paths == tuple(str(tmp_path / "train" / "cat" / name) for name in names)
    assert files.warnings == ()


def test_what_is_left_out_is_counted_once(tmp_path: Path) -> None:
    train_folder = tmp_path / "train"
    for name in (
        "cat/0.png",
        "cat/1.png",
        ".ipynb_checkpoints/0.png",
        "cat/.thumbs/0.png",
        "2.png",
    ):
        _save(train_folder / name)
    for name in ("cat/._0.jpg", "cat/a.avif", "cat/b.avif", "cat/README", "notes.txt"):
        (train_folder / name).write_bytes(b"x")
    (train_folder / "cat" / "round").symlink_to(train_folder)
    files = list_training(_folder(tmp_path))
    assert files.classes == ("cat",)
    assert len(files) == 2
    (warning,) = files.warnings
    assert warning.code == "W730"
    assert set(warning.message.partition("left out: ")[2].split(", ")) == {
        "`.avif` files (2)", "hidden files (1)", "hidden folders (2)", "linked folders (1)",
        "images outside the folders of classes (1)", "files without a suffix (1)",
    }  # fmt: skip


@pytest.mark.parametrize("kinds", [8, 9])
def test_of_many_kinds_some_are_named(tmp_path: Path, kinds: int) -> None:
    _save(tmp_path / "train" / "cat" / "0.png")
    for kind in range(kinds):
        (tmp_path / "train" / "cat" / f"a.x{kind}").touch()
    (warning,) = list_training(_folder(tmp_path)).warnings
    assert warning.message.count(" files (1)") == 8
    assert warning.message.endswith(", …") == (kinds > 8)


@pytest.mark.parametrize("upright", [False, True])
def test_an_image_is_turned_where_the_recipe_says_so(tmp_path: Path, upright: bool) -> None:
    path = tmp_path / "train" / "cat" / "0.png"
    path.parent.mkdir(parents=True)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3  # upside down
    image = Image.new("L", (8, 8))
    image.paste(255, (0, 0, 8, 4))
    image.save(path, exif=exif)
    data = _folder(tmp_path, exif_orientation=upright, scale=(1.0, 1.0), ratio=(1.0, 1.0))
    files = list_training(data)
    for decoded in (
        Centred(files, data, (8, 8), (8, 8))[0], TrainingCrops(files, data, (8, 8), 0)[Key(0, 0)]
    ):  # fmt: skip
        assert [int(decoded.image[0, y, 4]) for y in (0, 7)] == ([0, 255] if upright else [255, 0])


def test_a_file_that_is_none_is_found_before_the_run(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    os.mkfifo(tmp_path / "train" / "cat" / "9.jpg")
    with pytest.raises(CompileError, match=r"E704.*9\.jpg` is not a regular file"):
        list_training(_folder(tmp_path))
    assert len(list_training(_folder(tmp_path, on_error="skip"))) == 13


def test_the_home_folder_may_be_written_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photographs(tmp_path / "data")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(list_test(_folder(Path("~/data")))) == 8


def test_the_start_says_what_there_is(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    loaded = _recipe(tmp_path, "data.validation=0.34", "batch_size=16")
    opened = open_data(loaded, _network(48, 48).spec, CPU)
    assert opened.summary == "8 training, 4 validation and 8 test images of 2 classes"
    assert opened.split == "validation"
    (warning,) = large_batch(loaded, 16, len(opened.train))
    assert (warning.code, "batch of 16 images takes each of 8" in warning.message) == ("W732", True)


def test_the_test_resize_follows_the_input() -> None:
    paper = load_recipe("imagenet_paper").recipe.data
    assert isinstance(paper, Folder)
    assert usual_view(paper, (224, 224)).cover == (256, 256)
    assert usual_view(paper, (64, 64)).cover == (73, 73)
    assert usual_view(paper, (32, 64)).cover == (37, 73)
    fixed = paper.model_copy(update={"resize": 256})
    assert usual_view(fixed, (320, 320), 320 / 224).cover == (366, 366)
    # 256 of 224 pixels, on either side: 366 of 320, and 512 where the longer side is 448.
    for size, side in (((320, 320), 366), ((224, 448), 512), ((448, 224), 512)):
        seen = view_of(fixed, (224, 224), size, 1)
        assert (seen.cover, seen.crop) == ((side, side), size)
        assert view_of(fixed, (224, 224), size, 10).crop == (side, side)


@pytest.mark.parametrize("shape", [(100, 60), (60, 100), (80, 80)])
def test_the_middle_covers_a_rectangle(shape: tuple[int, int]) -> None:
    """Of a ramp from left to right and one downwards, what is seen is what was meant."""
    width, height = shape
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(width)[None], np.arange(height)[:, None]
    found = np.asarray(centred(Image.fromarray(ramp), (37, 73), (32, 64)), int)
    assert found.shape == (32, 64, 3)
    factor = max(73 / width, 37 / height)
    for axis, (side, seen) in enumerate(((width, 64), (height, 32))):
        values = found[..., axis].mean(axis)
        assert values.mean() == pytest.approx((side - 1) / 2, abs=1)
        assert values[-1] - values[0] == pytest.approx((seen - 1) / factor, abs=2)


@pytest.mark.parametrize("upright", [True, False])
def test_the_middle_of_a_strip_is_resized_alone(
    upright: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole would have 350 million pixels, to be cropped then."""
    sizes = []
    resize = Image.Image.resize

    def seen(self: Image.Image, size: tuple[int, int], *how: Any, **box: Any) -> Image.Image:
        sizes.append(size)
        return resize(self, size, *how, **box)

    monkeypatch.setattr(Image.Image, "resize", seen)
    side = np.arange(20_000) // 100
    image = Image.fromarray(np.repeat(side[:, None, None], 3, 2).astype(np.uint8))
    image = image if upright else image.transpose(Image.Transpose.TRANSPOSE)
    found = np.asarray(centred(image, (132, 132), (112, 112)), int)
    assert sizes == [(112, 112)]
    assert found.shape == (112, 112, 3)
    assert np.abs(found - side[10_000]).max() <= 1


def test_a_crop_of_less_than_half_is_warned_of(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    found = open_split(_recipe(tmp_path, "data.resize=256"), _network(64, 64).spec, CPU)
    (warning,) = found.warnings
    assert warning.code == "W731"
    assert "64×64 pixels shows 6.2% of an image that is resized to 256×256" in warning.message
    assert open_split(_recipe(tmp_path), _network(64, 64).spec, CPU).warnings == ()


def test_evaluation_files_have_both_sides_in_their_names() -> None:
    usual = (32, 64)
    assert Variant("test", 1, usual).suffix(usual) == ""
    assert Variant("test", 1, (32, 32)).suffix(usual) == "-1crop-32"
    assert Variant("test", 1, (64, 32)).suffix(usual) == "-1crop-64x32"
    assert Variant("validation", 1, usual).suffix(usual) == "-validation"
    assert Variant("validation", 10, usual).suffix(usual) == "-validation-10crop-32x64"


def _invoke(*words: object) -> str:
    done = CliRunner().invoke(group, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_rectangular_network_is_evaluated_without_its_training_images(tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    write_photographs(data)
    recipe = _recipe(data, "iterations=1", "data.validation=0.2")
    train(_job(run, _network(32, 64), recipe))
    assert [row["split"] for row in read_metrics(run / "metrics.jsonl")] == ["train", "validation"]
    assert "2 validation images" in _invoke("eval", run, "--split", "validation")
    (data / "train").rename(tmp_path / "gone")
    output = _invoke("eval", run)
    assert "8 test images" in output
    assert "has chosen its best weights" not in output
    _invoke("eval", run, "--size", "32")
    _invoke("eval", run, "--size", "40x48", "--crops", "10")
    found = {path.name: json.loads(path.read_text()) for path in run.glob("eval*.json")}
    assert {name: (f["size"], f["split"], f["images"]) for name, f in found.items()} == {
        "eval.json": ([32, 64], "test", 8),
        "eval-1crop-32.json": ([32, 32], "test", 8),
        "eval-10crop-40x48.json": ([40, 48], "test", 8),
        "eval-validation.json": ([32, 64], "validation", 2),
    }
    assert all(f["best_chosen_on"] == "validation" for f in found.values())
    _invoke("masks", run, data / "val" / "cat" / "0.PNG", "--size", "32x64")
    with Image.open(run / "masks.png") as sheet:
        # A cell of 192×96 and what is above and below it.
        assert sheet.size[1] == 64 + 96 + 52 + 8 + 52
    refused = CliRunner().invoke(group, ["eval", str(run), "--size", "32by64"])
    assert refused.exit_code == 2
    assert "neither a side in pixels" in refused.output


def test_without_a_validation_part_the_test_images_choose_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photographs(tmp_path / "data")
    job = Job(
        _network(32, 32), _recipe(tmp_path / "data", "iterations=1"), RunFolder(tmp_path / "run")
    )
    train(job)
    printed = capsys.readouterr().out
    assert "12 training, no validation and 8 test images of 2 classes" in printed
    assert "no validation images: `best.pt` is chosen on the test images" in printed
    assert "has chosen its best weights by these images" in _invoke("eval", tmp_path / "run")
    refused = CliRunner().invoke(group, ["eval", str(tmp_path / "run"), "--split", "validation"])
    assert "E703" in str(refused.exception)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_a_validation_part_is_stratified_and_seeded(share: float) -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), [1, 2, 30, 100, 5000])
    for order in (labels, random.permutation(labels)):
        parts = divide(order, share, 3)
        whole = np.sort(np.concatenate(parts))
        assert np.array_equal(whole, np.arange(len(labels)))
        assert all((np.diff(part) > 0).all() for part in parts)
        held = np.bincount(order[parts.validation], minlength=5)
        wanted = [0, 1, *(min(max(round(n * share), 1), n - 1) for n in (30, 100, 5000))]
        assert held.tolist() == wanted
        again, other = divide(order, share, 3), divide(order, share, 4)
        assert np.array_equal(again.validation, parts.validation)
        assert not np.array_equal(other.validation, parts.validation)
    # No place is favoured: halves of the list are held back alike, within four sigma.
    large = divide(np.zeros(20_000, int), 0.5, 1).validation
    assert abs((large < 10_000).sum() - 5000) < 4 * (20_000 / 16) ** 0.5


def test_nothing_is_held_back_of_nothing() -> None:
    assert len(divide([0, 1, 1], 0.0, 0).validation) == 0
    assert len(divide([0, 1, 2], 0.5, 0).validation) == 0


def _damage(path: Path) -> None:
    path.write_bytes(b"\xff\xd8 no more")


def test_an_image_that_cannot_be_read_is_replaced_by_the_next_of_its_class(tmp_path: Path) -> None:
    for i in range(4):
        _save(tmp_path / "train" / "a" / f"{i}.png", 10 + i)
        _save(tmp_path / "train" / "b" / f"{i}.png", 20 + i)
    for broken in ("a/3", "b/0", "b/1"):
        _damage(tmp_path / "train" / f"{broken}.png")
    data = _folder(tmp_path, on_error="skip")
    files = list_training(data)
    crops = TrainingCrops(files, data, (4, 4), seed=0)
    values = [int(crops[Key(0, i)].image[0, 0, 0]) for i in range(8)]
    assert values == [10, 11, 12, 10, 22, 22, 22, 23]
    batch = collate([crops[Key(0, i)] for i in (3, 4, 5, 6)])
    assert isinstance(batch, tuple)
    assert batch.own.tolist() == [False, False, False, True]
    assert {Path(path).name for path, _ in batch.missed} == {"0.png", "1.png", "3.png"}
    black = Centred(files, data, (4, 4), (4, 4))[3]
    assert not black.image.any()
    assert len(black.missed) == 1
    for i in range(4):
        _damage(tmp_path / "train" / "b" / f"{i}.png")
    with pytest.raises(CompileError, match="none of the class `b` can be read"):
        crops[Key(0, 4)]


def test_unreadable_images_are_counted_across_a_resume(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_photographs(data)
    for broken in ("train/cat/1.jpeg", "train/dog/2.PNG", "val/dog/0.PNG"):
        _damage(data / broken)
    network, told = _network(32, 32), []
    whole = ("iterations=4", "data.on_error=skip", "log_every=4", "checkpoint_every=2")
    train(_job(tmp_path / "run", network, _recipe(data, *whole), warn=told.extend))
    assert told[-1].code == "W733"
    assert told[-1].message == "3 images were left out, as they cannot be read"
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    last = {row["split"]: row for row in rows}
    # 16 samples are one epoch of 12 and a third of the next.
    assert 2 <= last["train"]["unreadable"] <= 4
    assert (last["test"]["images"], last["test"]["unreadable"]) == (7, 1)

    train(_job(tmp_path / "other", network, _recipe(data, *whole, "iterations=3", "log_every=4")))
    train(_job(tmp_path / "other", network, _recipe(data, *whole), resume=True))
    whole_run, resumed = (
        read(tmp_path / f / "checkpoints" / "last.pt")["model"] for f in ("run", "other")
    )
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole_run.items())
    one, two = (
        sum(row["unreadable"] for row in read_metrics(folder / "metrics.jsonl")
            if row["split"] == "train")
        for folder in (tmp_path / "run", tmp_path / "other")
    )  # fmt: skip
    assert one == two
    output = _invoke("eval", tmp_path / "run")
    assert "7 test images" in output
    assert json.loads((tmp_path / "run" / "eval.json").read_text())["unreadable"] == 1


def test_images_that_cannot_be_read_have_no_weight(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    _damage(tmp_path / "val" / "cat" / "2.PNG")
    opened = open_split(_recipe(tmp_path, "data.on_error=skip"), _network(48, 48).spec, CPU)
    batches = filter(None, opened.images.batches(EvaluationPlan(3)))
    weights = torch.cat([batch.weight for batch in batches])
    assert weights.tolist() == [1, 1, 0, 1, 1, 1, 1, 1, 0]
    assert [Path(path).name for path in opened.images.missed] == ["2.PNG"]


def test_a_link_in_a_circle_is_no_folder(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    loop = tmp_path / "train" / "cat" / "loop.jpg"
    loop.symlink_to(loop)
    (tmp_path / "train" / "round").symlink_to(tmp_path / "train" / "round")
    assert str(loop) in list_training(_folder(tmp_path, on_error="skip")).paths
    assert str(loop) in list_given([tmp_path / "train"]).paths
    with pytest.raises(CompileError, match=r"E704.*loop\.jpg` is not a regular file"):
        list_training(_folder(tmp_path))
