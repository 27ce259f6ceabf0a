"""The card of an export says what is true, and what others wrote as they wrote it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from unit.runner.export.exported import (
    change_checkpoint,
    export,
    exported,
    header,
    invoke,
    printed,
)

import archcompiler
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics.render.visible import visible
from archcompiler.runner.export.history import pathless
from archcompiler.runner.export.markdown import code
from archcompiler.runner.export.words import augmentation_words
from archcompiler.runner.recipe.augment import Augment, ColourJitter, RandAugment
from archcompiler.runner.recipe.model import Embedded, Folder
from archcompiler.runner.store.checkpoint import read


@pytest.mark.parametrize("name", ["colour", "grey", "photographs", "untouched"])
def test_the_example_of_the_card_says_what_predict_says(
    name: str, trained: dict[str, Path], images: list[Path], tmp_path: Path
) -> None:
    run = trained[name]
    export(run, "--no-onnx", "-o", tmp_path / "out")
    # Elsewhere, where nothing of the run is.
    folder = Path(shutil.move(tmp_path / "out", tmp_path / "moved"))
    done = invoke("predict", run, *images, "--format", "json", "--device", "cpu")
    predicted = [one["classes"] for one in json.loads(done.stdout)["images"]]
    said = printed(folder, images)
    assert len(said) == len(predicted) == len(images)
    for lines, classes in zip(said, predicted, strict=True):
        assert [line.split(" ", 1)[1] for line in lines] == [c["class"] for c in classes]
        shares = [float(line.split("%")[0]) / 100 for line in lines]
        assert shares == pytest.approx([c["probability"] for c in classes], abs=6e-4)
    assert len({tuple(lines) for lines in said}) > 1


def test_a_run_without_names(run: Path, images: list[Path]) -> None:
    change_checkpoint(run, classes=())
    done = invoke("export", run, "--no-onnx")
    assert "W740" in done.stderr
    folder = run / "export"
    assert "called by their numbers" in (folder / "README.md").read_text(encoding="utf-8")
    (lines,) = printed(folder, images[:1])
    assert {line.split(" ", 1)[1] for line in lines} <= set(map(str, range(10)))


def test_results_are_of_these_weights_and_say_of_which_images(run: Path) -> None:
    card = (exported(run) / "README.md").read_text(encoding="utf-8")
    assert "model-index" not in header(card)
    assert "| validation | 10 | 1 crop, 32×32 pixels |" in card
    assert invoke("eval", run, "--images", "30", "--device", "cpu").exit_code == 0
    assert invoke("eval", run, "--images", "20", "--crops", "10").exit_code == 0
    found = json.loads((run / "eval.json").read_text())
    (run / "eval-other.json").write_text(json.dumps(found | {"iteration": 7, "top1": 0.75}))
    (run / "eval-torn.json").write_text("{")
    (run / "eval-nan.json").write_text(json.dumps(found | {"top1": float("nan")}))
    card = (exported(run) / "README.md").read_text(encoding="utf-8")
    (entry,) = header(card)["model-index"]
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
    assert invoke("eval", run, "--images", "30", *settings).exit_code == 0
    assert json.loads((run / "eval.json").read_text())["settings"] == list(other)
    card = (exported(run, "--force") / "README.md").read_text(encoding="utf-8")
    assert "| test | 30 |" not in card
    assert invoke("eval", run, "--images", "30", *settings[2:]).exit_code == 0
    card = (exported(run, "--force") / "README.md").read_text(encoding="utf-8")
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
    export(trained["photographs"], "--no-onnx", "-o", tmp_path / "out")
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
    change_checkpoint(run, classes=HOSTILE)
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
    folder = exported(run)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", card
    )
    (entry,) = header(card)["model-index"]
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
    folder = exported(run)
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
