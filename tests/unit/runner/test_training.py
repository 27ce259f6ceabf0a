"""Runs from the recipe to the folder, and what ends them early."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from unit.runner.jobs import SMALL, TINY, Jobs
from unit.runner.standin import write_cifar10, write_idx, write_photographs

import archcompiler
from archcompiler import shipped
from archcompiler.diagnostics import CompileError
from archcompiler.runner.engine import loop
from archcompiler.runner.engine.evaluate import Score
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.report.curves import write_curves
from archcompiler.runner.report.metrics import Metrics, read_metrics, table_text
from archcompiler.runner.store.checkpoint import Checkpoints, read
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.training import Job, train
from archcompiler.spec.loader import load

RECIPES = list(shipped.recipes())


def test_the_smoke_recipe_learns(tmp_path: Path) -> None:
    recipe = load_recipe("smoke", ("iterations=120", "batch_size=32"))
    job = Job(archcompiler.compile(SMALL), recipe, RunFolder(tmp_path / "run"), quiet=True)
    assert train(job).finished
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    tested = [row["accuracy"] for row in rows if row["split"] == "validation"]
    assert tested[-1] > 0.5  # chance is 0.1
    losses = [row["loss"] for row in rows if row["split"] == "train"]
    assert losses[-1] < 0.7 * losses[0]


def test_recipes_are_there() -> None:
    assert RECIPES == [
        "cifar_modern",
        "cifar_paper",
        "fashion_mnist",
        "imagenet_modern",
        "imagenet_paper",
        "photographs",
        "smoke",
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_two_steps(tmp_path: Path, name: str) -> None:
    spec, settings = dict(TINY), ["iterations=2", "batch_size=8", "device=cpu", "log_every=1"]
    match load_recipe(name).recipe.data.type:
        case "fashion_mnist":
            write_idx(tmp_path / "data")
        case "cifar10":
            write_cifar10(tmp_path / "data", python=name == "cifar_paper")
        case "folder":
            write_photographs(tmp_path / "data")
            spec |= {"input": [3, 48, 48], "classes": 2}
            settings += ["data.workers=0", "data.resize=56"]
    if (tmp_path / "data").exists():
        settings.append(f"data.path={tmp_path / 'data'}")
    recipe = load_recipe(name, settings)
    job = Job(archcompiler.compile(spec), recipe, RunFolder(tmp_path / "run"), quiet=True)
    assert train(job).iteration == 2
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    judge = "test" if name.endswith("_paper") else "validation"
    assert [row["split"] for row in rows] == ["train", "train", judge]
    assert all(row["loss"] < 100 for row in rows)


def test_worker_processes_give_the_same_run(tmp_path: Path) -> None:
    write_photographs(tmp_path / "data")
    spec = TINY | {"input": [3, 48, 48], "classes": 2}
    last = []
    for workers in (0, 2):
        settings = ["iterations=2", "batch_size=8", "device=cpu", f"data.workers={workers}"]
        settings += [f"data.path={tmp_path / 'data'}", "data.resize=56"]
        folder = RunFolder(tmp_path / f"run{workers}")
        recipe = load_recipe("imagenet_modern", settings)
        train(Job(archcompiler.compile(spec), recipe, folder, quiet=True))
        last.append(read(folder.checkpoints / "last.pt")["model"])
    assert all(torch.equal(tensor, last[1][name]) for name, tensor in last[0].items())


def test_a_photograph_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    write_photographs(tmp_path / "data")
    (tmp_path / "data" / "train" / "dog" / "1.jpeg").write_bytes(b"\xff\xd8 no more")
    spec = TINY | {"input": [3, 48, 48], "classes": 2}
    settings = ["iterations=9", "batch_size=8", "data.workers=1", "data.resize=56", "device=cpu"]
    settings.append(f"data.path={tmp_path / 'data'}")
    job = Job(
        archcompiler.compile(spec),
        load_recipe("imagenet_paper", settings),
        RunFolder(tmp_path / "run"),
        quiet=True,
    )
    with pytest.raises(CompileError, match=r"E704.*cannot decode.*1\.jpeg"):
        train(job)


def test_the_run_folder(job: Jobs, tmp_path: Path) -> None:
    made: Job = job("run", "optimizer.lr=0.01")
    train(made)
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {
        "checkpoints", "curves.png", "curves.svg", "metrics.csv", "metrics.jsonl", "model.py",
        "recipe.toml", "run.json", "run.lock", "spec.toml",
    }  # fmt: skip
    assert {path.name for path in (run / "checkpoints").iterdir()} == {
        "best.pt", "last.pt", "iteration-000000004.pt", "iteration-000000008.pt",
        "iteration-000000012.pt",
    }  # fmt: skip
    assert load(run / "spec.toml").sha256 == made.network.loaded.sha256
    recipe = tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))
    assert recipe["optimizer"]["lr"] == 0.01
    assert recipe["speed"]["precision"] == "float32"
    again = load_recipe(run / "recipe.toml").recipe
    assert again.optimizer == made.loaded.recipe.optimizer
    assert again.data == made.loaded.recipe.data
    text = (run / "metrics.csv").read_text(encoding="utf-8")
    assert text.startswith("iteration,split,loss,accuracy,")
    assert text.count("\n") == 1 + len(read_metrics(run / "metrics.jsonl"))
    assert (run / "curves.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_only_the_last_checkpoints_and_the_best_are_kept(job: Jobs, tmp_path: Path) -> None:
    train(job("run", "keep=1", "checkpoint_every=2"))
    left = {path.resolve().name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert "iteration-000000012.pt" in left
    assert len(left) <= 2


def test_a_folder_with_a_run_is_not_overwritten(job: Jobs) -> None:
    train(job("run"))
    made: Job = job("run")
    with pytest.raises(CompileError, match=r"E705.*holds a run already"):
        made.folder.require(resume=False)
    other = archcompiler.compile(TINY | {"name": "other"})
    with pytest.raises(CompileError, match=r"E705.*another network"):
        made.folder.require(resume=True, network=other)
    made.folder.require(resume=True, network=made.network)


GREY = TINY | {"input": [1, 32, 32]}
KEPT = ("data.grey=keep", "data.mean=[0.286]", "data.std=[0.353]")


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        (TINY | {"classes": 7}, (), "`tiny` has 7 classes, but `embedded` has 10"),
        (TINY | {"input": [3, 64, 64]}, (), "takes 3×64×64, but `embedded` gives 3×32×32"),
        (TINY, ("data.grey=keep",), "takes 3×32×32, but `embedded` gives 1×32×32"),
        (TINY, ("data.pad=0",), "2 more pixels of `pad`"),
        (TINY | {"head": {"outputs": {"a": 7, "b": 3}}}, (), "2 outputs, but every image has one"),
        (TINY | {"input": [3, 64]}, (), "takes 3×64, but every data set is of images"),
        (TINY | {"input": [3, 8, 32, 32]}, (), "takes 3×8×32×32, but every"),
        (GREY, (*KEPT, "augment.lighting=0.1"), "`lighting` changes red, green and blue, but the"),
        (GREY, (*KEPT, "augment.colour.contrast=0.1"), "`colour` changes red, green and blue, but"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_the_first_step(
    job: Jobs, tmp_path: Path, spec: dict[str, Any], settings: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CompileError, match="E703") as caught:
        train(job("run", *settings, spec=spec))
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_one_output_of_all_logits_is_trained(job: Jobs) -> None:
    assert train(job("run", spec=TINY | {"head": {"outputs": {"a": 10}}})).finished


def test_a_loss_that_is_no_number_ends_the_run(job: Jobs, tmp_path: Path) -> None:
    settings = ("optimizer.lr=1000", "optimizer.momentum=0.99", "schedule.warmup=0")
    with pytest.raises(CompileError, match=r"E708.*(loss of|after) iteration \d+ is not a"):
        train(job("run", *settings, "iterations=200", "checkpoint_every=2", "log_every=7"))
    for path in (tmp_path / "run" / "checkpoints").glob("iteration-*.pt"):
        assert all(t.isfinite().all() for t in read(path)["model"].values())


def _scored(monkeypatch: pytest.MonkeyPatch, *scores: tuple[float, float]) -> None:
    """Let evaluations have these accuracies and losses, one after the other."""
    left = iter(scores)

    def score(*_: object, **__: object) -> Score:
        accuracy, loss = next(left)
        return Score(loss, accuracy, 1.0, 50)

    monkeypatch.setattr(loop, "evaluate", score)


def test_of_equal_accuracies_the_lower_loss_is_better(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a run is taken up again, and for when it stops early."""
    run = ("run", "evaluate_every=1", "checkpoint_every=1", "early_stop.patience=2")
    _scored(monkeypatch, (0.5, 0.9), (1.0, 0.5), (1.0, 0.4))
    train(job(*run, "iterations=3"))
    assert read(tmp_path / "run" / "checkpoints" / "best.pt")["iteration"] == 3
    _scored(monkeypatch, (1.0, 0.45), (1.0, 0.3), (1.0, 0.3), (0.9, 0.1), (1.0, 0.0))
    assert train(job(*run, "iterations=9", resume=True)).iteration == 7
    best = read(tmp_path / "run" / "checkpoints" / "best.pt")
    assert best["best"] == {"accuracy": 1.0, "iteration": 5, "loss": 0.3}
    assert best["iteration"] == 5


def test_a_checkpoint_without_the_best_loss_goes_on(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", "evaluate_every=1", "checkpoint_every=1")
    _scored(monkeypatch, (0.5, 0.9))
    train(job(*run, "iterations=1"))
    checkpoints = tmp_path / "run" / "checkpoints"
    older = {k: v for k, v in read(checkpoints / "last.pt").items() if k != "checksum"}
    del older["best"]["loss"]
    Checkpoints(checkpoints).save(older, best=True)
    _scored(monkeypatch, (0.5, 0.1), (0.6, 0.8))
    train(job(*run, "iterations=3", resume=True))
    best = read(checkpoints / "best.pt")["best"]
    assert best == {"accuracy": 0.6, "iteration": 3, "loss": 0.8}


def test_an_evaluation_that_is_no_number_ends_the_run(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _scored(monkeypatch, (0.5, 0.9), (0.5, math.nan))
    with pytest.raises(CompileError, match=r"E708.*the validation loss after iteration 8 is not"):
        train(job("run"))
    assert read(tmp_path / "run" / "checkpoints" / "last.pt")["iteration"] == 4


def test_a_number_that_is_none_is_null(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    metrics = Metrics(folder)
    metrics.add({"iteration": 3, "split": "test", "loss": float("nan"), "accuracy": 0.5})
    assert '"loss": null' in folder.metrics.read_text(encoding="utf-8")
    assert table_text(read_metrics(folder.metrics)).endswith("3,test,,0.5\n")
    write_curves(read_metrics(folder.metrics), "nothing", folder)


def test_a_test_image_is_not_smaller_than_the_input(tmp_path: Path) -> None:
    write_photographs(tmp_path / "data")
    settings = ["device=cpu", "data.workers=0", "data.resize=40", f"data.path={tmp_path / 'data'}"]
    spec = archcompiler.compile(TINY | {"input": [3, 48, 48], "classes": 2})
    recipe = load_recipe("imagenet_paper", settings)
    with pytest.raises(CompileError, match=r"E703.*40 pixels are smaller") as found:
        train(Job(spec, recipe, RunFolder(tmp_path / "run"), quiet=True))
    assert found.value.diagnostics[0].span is not None


def test_the_command_line(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from archcompiler.cli.program import group

    spec = tmp_path / "tiny.json"
    spec.write_text(json.dumps(TINY))
    words = ["train", str(spec), "--recipe", "smoke", "--out", str(tmp_path / "run")]
    for setting in (
        "iterations=4",
        "checkpoint_every=2",
        "evaluation_images=50",
        "head.dropout=0.5",
    ):
        words += ["--set", setting]
    done = CliRunner().invoke(group, words)
    assert done.exit_code == 0, done.output
    assert "best validation accuracy" in done.output
    assert load(tmp_path / "run" / "spec.toml").spec.head.dropout == 0.5
    assert CliRunner().invoke(group, words).exit_code == 2
    resumed = ["train", "--out", str(tmp_path / "run"), "--resume", "--set", "iterations=6"]
    assert CliRunner().invoke(group, resumed).exit_code == 0
    assert read(tmp_path / "run" / "checkpoints" / "last.pt")["iteration"] == 6
    target = (tmp_path / "run" / "checkpoints" / "last.pt").resolve()
    target.write_bytes(target.read_bytes()[:-100])
    folder = str(tmp_path / "run")
    again = CliRunner().invoke(group, ["train", "--resume", folder, "--set", "iterations=6"])
    assert again.exit_code == 0
    assert f"warning[W706]: the checkpoint `{target}` is corrupt" in again.output
    assert "iteration-000000004.pt`, the one before it, is used instead" in again.output


@pytest.mark.parametrize("part", [("batch_size=1",), ("batch_size=4", "speed.accumulate=4")])
def test_one_value_a_channel_is_refused_before_the_run(
    job: Jobs, tmp_path: Path, part: tuple[str, ...]
) -> None:
    tiny_maps = TINY | {"stages": [{"channels": 8, "modules": 0, "before": 1, "stride": 8}]}
    with pytest.raises(CompileError, match=r"E702.*maps of one position"):
        train(job("run", *part, spec=tiny_maps))
    assert not (tmp_path / "run").exists()
    train(job("run", "batch_size=2", "iterations=1", spec=tiny_maps))
    train(job("other", *part, "iterations=1"))
