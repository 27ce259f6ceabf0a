"""A folder of one's own images: its layout, its splits, the recipe that results, the run by it."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from unit.runner.jobs import TINY, same

from archcompiler.cli.program import group
from archcompiler.diagnostics import CompileError, Source
from archcompiler.runner.data.listing import list_all, list_split
from archcompiler.runner.data.source import EvaluationPlan
from archcompiler.runner.recipe.layout import Layout, find_layout
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.recipe.model import Folder
from archcompiler.runner.recipe.settling import settle_recipe
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.spec.loader import load


def _images(folder: Path, count: int = 20) -> None:
    """JPEGs of two classes: dark ones and light ones."""
    for number, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            colour = (40 + 150 * number + i, 30 + i, 200 - i)
            Image.new("RGB", (24 + i, 40), colour).save(folder / name / f"{i}.jpg")


@pytest.mark.parametrize(
    ("parts", "train", "test", "validation"),
    [
        ((".",), ".", None, None),
        (("train",), "train", None, None),
        (("train", "val"), "train", "val", None),
        (("train", "valid"), "train", "valid", None),
        (("train", "test"), "train", "test", None),
        (("train", "test", "validation"), "train", "test", "validation"),
        (("training", "testing", "val"), "training", "testing", "val"),
    ],
)
def test_a_layout_is_found(
    tmp_path: Path, parts: tuple[str, ...], train: str, test: str | None, validation: str | None
) -> None:
    for part in parts:
        _images(tmp_path / part, 1)
    (tmp_path / ".cache").mkdir()
    found = find_layout(tmp_path)
    assert found == Layout(tmp_path, train, test, validation, ("cat", "dog"))
    data = load_recipe("photographs", data=found).recipe.data
    assert isinstance(data, Folder)
    assert (data.path, data.train) == (tmp_path.as_posix(), train)
    assert data.test == (test or "val")
    assert data.test_share == (0.2 if test is None else 0)
    assert data.validation_folder == validation


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train", "plane"):
        (tmp_path / name).mkdir()
    assert find_layout(tmp_path).classes == ("plane", "train")


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"E704.*no folders, so there are no classes"):
        find_layout(tmp_path)
    with pytest.raises(CompileError, match=r"E704.*no such file"):
        find_layout(tmp_path / "gone")


def test_the_splits_of_one_folder_share_nothing(tmp_path: Path) -> None:
    _images(tmp_path)
    data = Folder(path=str(tmp_path), train=".", test_share=0.2, validation=0.25)
    files = list_all(data, seed=3)
    assert [len(part) for part in files] == [24, 8, 8]
    assert all(part.labels.count(0) == part.labels.count(1) for part in files)
    assert len({path for part in files for path in part.paths}) == 40
    for split, part in zip(("train", "validation", "test"), files, strict=True):
        assert list_split(data, 3, split).paths == part.paths
    assert list_all(data, seed=4).test.paths != files.test.paths
    # Which images are tested on says nothing about which of the others are held back.
    alone = {"test_share": 0.0, "test": ".", "validation": 0.2}
    held = list_all(data.model_copy(update=alone), seed=3).validation
    assert len(held) == len(files.test)
    assert set(held.paths) != set(files.test.paths)


def test_a_folder_may_have_what_chooses_the_best_weights(tmp_path: Path) -> None:
    for name, count in (("train", 5), ("val", 2), ("test", 3)):
        _images(tmp_path / name, count)
    data = load_recipe("photographs", data=find_layout(tmp_path)).recipe.data
    assert isinstance(data, Folder)
    assert [len(part) for part in list_all(data, seed=0)] == [10, 4, 6]
    assert len(list_split(data, 0, "validation")) == 4
    (tmp_path / "val" / "cat").rename(tmp_path / "val" / "cow")
    with pytest.raises(CompileError, match=r"E704.*val` have different classes"):
        list_all(data, seed=0)


def test_what_is_for_other_data_is_fitted_and_what_is_said_is_not(tmp_path: Path) -> None:
    _images(tmp_path)
    layout = find_layout(tmp_path)
    fitted = settle_recipe(load_recipe("imagenet_modern", data=layout), 144, 3)
    assert (fitted.batch_size, fitted.iterations) == (144, 120)
    assert fitted.optimizer.lr == pytest.approx(0.5 * 144 / 1024)
    said = ("batch_size=256", "optimizer.lr=0.3", "data.workers=0")
    kept = settle_recipe(load_recipe("imagenet_modern", said, data=layout), 144, 3)
    assert (kept.batch_size, kept.optimizer.lr) == (256, 0.3)
    rate = settle_recipe(load_recipe("imagenet_modern", said[1:], data=layout), 144, 3)
    assert (rate.batch_size, rate.optimizer.lr) == (144, 0.3)
    # A recipe for its own data is taken at its word.
    assert settle_recipe(load_recipe("imagenet_modern"), 144, 3).batch_size == 1024
    small = load_recipe(Source("r.toml", 'data = "embedded"', "toml"), data=layout).recipe.data
    assert small.type == "folder"


def test_few_images_are_evaluated_in_a_small_batch() -> None:
    for used, size, world in ((4, 64, 1), (5, 64, 2), (70, 64, 1), (1, 8, 4)):
        batches = [
            list(EvaluationPlan(size, None, rank, world).indices(used)) for rank in range(world)
        ]
        assert len({len(own) for own in batches}) == 1
        taken = [i for own in batches for index, w in own for i in index[w > 0].tolist()]
        assert sorted(taken) == list(range(used))
        assert all(
            len(index) <= min(size, -(-used // world)) for own in batches for index, _ in own
        )


@pytest.mark.parametrize(("used", "size"), [(70, 8), (9, 8), (3, 64)])
def test_a_shard_sees_the_same_images_in_any_process(used: int, size: int) -> None:
    def seen(own: int) -> list[list[list[int]]]:
        """Of each of four shards, batch by batch, where a process has so many of them."""
        shards: list[list[list[int]]] = [[] for _ in range(4)]
        for first in range(0, 4, own):
            for i, (index, weight) in enumerate(
                EvaluationPlan(size, None, first, 4, own).indices(used)
            ):
                shards[first + i % own].append(index[weight > 0].tolist())
        return shards

    assert seen(1) == seen(2) == seen(4)
    assert sorted(i for shard in seen(4) for batch in shard for i in batch) == list(range(used))


def _run(*words: object) -> str:
    done = CliRunner().invoke(group, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_folder_and_no_other_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run by the recipe that is printed is the same."""
    monkeypatch.chdir(tmp_path)
    _images(tmp_path / "photos")
    Path("tiny.json").write_text(json.dumps(TINY))
    quick = ("--set", "device=cpu", "--set", "data.workers=0", "--epochs", 3)
    output = _run("train", "tiny.json", "--data", "photos", *quick)
    assert "28 training, 4 validation and 8 test images of 2 classes" in output
    assert "`photos` has folders of classes alone, of which 20% are drawn to test on" in output
    first = Path("runs/tiny-photographs")
    assert load(first / "spec.toml").spec.classes == 2
    printed, _, after = output.partition("results:\n")[2].partition("\nsaved as `printed.toml`")
    assert tomllib.loads(printed)["iterations"] == 12
    assert "timeout" not in printed  # nor anything else that nobody has said
    Path("printed.toml").write_text(printed)
    command = after.partition("by `")[2].partition("`")[0]
    assert command == "archcompiler train tiny.json --recipe printed.toml --set classes=2"
    assert "12 steps are few: `--epochs 30` makes 120\n" in output
    again = _run(*shlex.split(command)[1:])
    assert "steps are few" not in again
    same(first, Path("runs/tiny-printed"))
    curves = [
        [(row["iteration"], row["split"], row["loss"], row["accuracy"]) for row in rows]
        for rows in (
            read_metrics(folder / "metrics.jsonl") for folder in (first, Path("runs/tiny-printed"))
        )
    ]
    assert curves[0] == curves[1]
    assert curves[0][0][1] == "validation"
    assert curves[0][-1][2] < curves[0][0][2]
    said = _run("eval", first)
    assert "8 test images, top-1 " in said
    assert "top-5" not in said
    assert json.loads((first / "eval.json").read_text())["top5"] == 1.0


def test_a_line_of_an_evaluation_has_fresh_numbers_alone(photos: Path) -> None:
    _images(photos)
    often = ("--set", "log_every=3", "--set", "evaluate_every=2", "--set", "iterations=6")
    output = _run("train", "tiny.json", "--data", photos, *QUICK, *often)
    lines = {int(line[10]): line for line in output.splitlines() if "validation loss" in line}
    assert lines.keys() == {2, 4, 6}
    for iteration in (2, 4):
        assert re.fullmatch(
            rf"iteration {iteration}/6  \d+ s left  validation loss \d\.\d+  accuracy \d+\.\d+%",
            lines[iteration],
        )
    assert re.match(r"iteration 6/6  loss .* images/s  0 s left  validation loss", lines[6])


def test_what_was_written_and_is_changed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _images(tmp_path / "photos")
    Path("tiny.json").write_text(json.dumps(TINY))
    quick = ("device=cpu", "data.workers=0", "iterations=1")
    words = [word for setting in quick for word in ("--set", setting)]

    def changes(recipe: str, *more: str) -> list[str]:
        Path("my.toml").write_text(recipe)
        run = ("train", "tiny.json", "--data", "photos", "--recipe", "my.toml", *words, *more)
        output = _run(*run, "--out", f"runs/{len(list(Path('runs').glob('*')))}")
        return [line for line in output.splitlines() if " → " in line]

    rate = "optimizer.lr 0.001 → 6.25e-05: 8 images a step, where the recipe is for 128"
    assert changes("[optimizer]\nlr = 1e-3\n") == [rate]
    assert changes("batch_size = 1024\n[optimizer]\nlr = 0.5\n") == [
        "batch_size 1024 → 28: there are 28 training images",
        "optimizer.lr 0.5 → 0.0136719: 28 images a step, where the recipe is for 1024",
    ]
    root = 'batch_size = 1024\n[optimizer]\ntype = "adamw"\n'
    assert changes(root) == ["batch_size 1024 → 28: there are 28 training images"]
    assert changes("[optimizer]\nlr = 1e-3\n", "--set", "optimizer.lr=1e-3") == []
    assert changes("seed = 1\n") == []


def _refused(*words: object, code: int = 2) -> str:
    try:
        done = CliRunner().invoke(group, [str(word) for word in words], catch_exceptions=False)
    except CompileError as exc:
        return str(exc)
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where one stands, with the tiny network as `tiny.json`; the folder is yet to be filled."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.json").write_text(json.dumps(TINY))
    return tmp_path / "photos"


QUICK = ("--set", "device=cpu", "--set", "data.workers=0")


def test_one_image_a_class_leaves_none_to_test_on(photos: Path) -> None:
    _images(photos, 1)
    words = ("train", "tiny.json", "--data", photos, *QUICK, "--epochs", 1)
    for resume in ((), ("--resume",)):
        refused = _refused(*words, *resume)
        assert "E703" in refused
        assert "there are no test images" in refused
        assert "two images of a class are needed" in refused
        assert not Path("runs").exists()


def test_what_chose_the_best_weights_is_kept(photos: Path) -> None:
    """Of two images a class one is tested on, and none is left to be held back."""
    _images(photos, 2)
    started = _run("train", "tiny.json", "--data", photos, *QUICK, "--epochs", 1)
    assert "2 training, no validation and 2 test images" in started
    run = Path("runs/tiny-photographs")
    said = _run("eval", run)
    assert "the run has chosen its best weights by these images" in said
    assert json.loads((run / "eval.json").read_text())["best_chosen_on"] == "test"
    held = _refused("eval", run, "--split", "validation")
    assert "there are no validation images" in held
    assert "no class has two images to train on" in held


def test_a_run_is_looked_at_and_resumed_from_elsewhere(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _images(photos)
    _run("train", "tiny.json", "--data", "photos", *QUICK, "--epochs", 1, "--out", "run")
    run, elsewhere = photos.parent / "run", photos.parent / "elsewhere"
    assert 'path = "photos"' in (run / "recipe.toml").read_text()
    here = _run("eval", "run").partition(": ")[2].splitlines()[0]
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert here in _run("eval", run)
    assert "iterations 4 to 8" in _run("train", "--resume", run, "--set", "iterations=8")
    # What is said now is meant from here.
    assert "`photos` is not a folder" in _refused("eval", run, "--set", "data.path=photos")
    photos.rename(photos.parent / "gone")
    (run / "run.json").write_text('{"starts": [null, {"folder": 7}, {"folder": "\\u0000"}]}')
    assert "is not a folder" in _refused("eval", run)


def test_one_class_is_warned_of(photos: Path) -> None:
    _images(photos, 5)
    (photos / "dog").rename(photos.parent / "dog")
    output = _run("train", "tiny.json", "--data", photos, *QUICK, "--epochs", 1)
    assert "warning[W734]: `cat` is the only class" in output


def test_a_folder_without_images_says_what_to_do(photos: Path) -> None:
    _images(photos, 5)
    (photos / "empty").mkdir()
    refused = _refused("train", "tiny.json", "--data", photos, *QUICK)
    assert "note: files that are read end in .bmp, .gif" in refused
    assert "help: remove the folder, or put images of its class in" in refused


def test_an_evaluation_of_no_image_has_no_result(photos: Path) -> None:
    _images(photos, 5)
    skip = ("--set", "data.on_error=skip", "--set", "data.validation=0")
    _run("train", "tiny.json", "--data", photos, *QUICK, *skip, "--epochs", 1)
    run = Path("runs/tiny-photographs")
    for image in photos.rglob("*.jpg"):
        image.write_bytes(b"x")
    refused = _refused("eval", run)
    assert "E704" in refused
    assert "not one of those to evaluate on can be read" in refused
    assert "2 images were left out" in refused
    assert not (run / "eval.json").exists()


def test_classes_that_are_said_are_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _images(tmp_path / "photos", 2)
    Path("tiny.json").write_text(json.dumps(TINY))
    words = ["train", "tiny.json", "--data", "photos", "--set", "classes=3"]
    refused = CliRunner().invoke(group, words)
    assert refused.exit_code == 2
    assert "E703" in refused.output
    assert not Path("runs").exists()
