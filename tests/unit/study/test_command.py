"""`archcompiler study`: what is trained, kept, resumed, refused and printed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from command_line import run
from PIL import Image
from unit.runner.jobs import QUICK, TINY

from archcompiler.config.toml import toml_text
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.checkpoint import Checkpoints, read

SHORTER = ("iterations=6", "checkpoint_every=2")
LONGER = {("iterations", "12"), ("checkpoint_every", "4")}
SETTINGS = "\n".join(
    f"{key} = [{value if value != 'float32' else repr(value)}]"
    for key, _, value in (setting.partition("=") for setting in (*QUICK, *SHORTER))
    if (key, value) not in LONGER
)
STUDY = f"""\
recipe = "smoke"
seeds = [0, 1]

[[specs]]
spec = "tiny.toml"

[[specs]]
spec = "tiny.toml"
title = "plain"
against = "tiny"
set.stages.0 = {{ modules = 0, before = 1 }}

[grid]
{SETTINGS}
"""
NAMES = [f"{network}-seed_{seed}" for network in ("tiny", "plain") for seed in (0, 1)]


class Death(BaseException):
    """The end of a process, at some moment."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that nothing has stopped."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.toml").write_text(toml_text(TINY), encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    torch.set_num_threads(1)
    table = folder / "table.txt"
    said = run("study", str(folder / "study.toml"), "--out", str(folder / "out"), "-o", str(table))
    assert "run 3 of 0 to 3: plain-seed_1" in said.stdout
    return folder


@pytest.fixture
def folder(whole: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(whole)
    return whole


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_run_has_what_it_is_of(folder: Path) -> None:
    found = rows((folder / "out" / "runs.csv").read_text(encoding="utf-8"))
    assert [row["run"] for row in found] == NAMES
    for row in found:
        run_folder = folder / "out" / "runs" / row["run"]
        measured = read_metrics(run_folder / "metrics.jsonl")
        best = max(r["accuracy"] for r in measured if r["split"] == "validation")
        assert float(row["accuracy"]) == best
        assert f"seed = {row['seed']}\n" in (run_folder / "recipe.toml").read_text("utf-8")
        weights = read(run_folder / "checkpoints" / "best.pt")["model"]
        digest = hashlib.sha256()
        for name in sorted(weights):
            tensor = weights[name]
            digest.update(f"/{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
            digest.update(tensor.numpy().tobytes())
        assert row["weights_sha256"] == digest.hexdigest()
        record = json.loads((run_folder / "run.json").read_bytes())
        assert row["spec_sha256"] == record["spec_sha256"]
        assert row["data_sha256"] == record["data_sha256"]
    for key, different in (("spec_sha256", 2), ("recipe_sha256", 2), ("weights_sha256", 4)):
        assert len({row[key] for row in found}) == different


def test_the_table_is_what_the_runs_come_to(folder: Path) -> None:
    report = ["study", "study.toml", "--out", "out", "--report"]
    found = rows((folder / "out" / "runs.csv").read_text(encoding="utf-8"))
    for row in rows(run(*report, "--format", "csv").stdout):
        values = [float(r["accuracy"]) for r in found if r["network"] == row["network"]]
        assert len(values) == int(row["runs"]) == 2
        assert float(row["mean"]) == pytest.approx(sum(values) / 2)
        assert float(row["deviation"]) == pytest.approx(statistics.stdev(values))
        # Student's t with one degree of freedom, for 95 %, is 12.7062.
        half = 12.7062 * statistics.stdev(values) / 2**0.5
        assert float(row["low"]) == pytest.approx(float(row["mean"]) - half, abs=1e-5)
        assert float(row["high"]) == pytest.approx(float(row["mean"]) + half, abs=1e-5)
    tiny, plain = rows(run(*report, "--format", "csv").stdout)
    assert tiny["against"] == tiny["difference"] == ""
    by_run = {r["run"]: float(r["accuracy"]) for r in found}
    pairs = [by_run[f"plain-seed_{seed}"] - by_run[f"tiny-seed_{seed}"] for seed in (0, 1)]
    assert plain["against"] == "tiny"
    assert float(plain["difference"]) == pytest.approx(sum(pairs) / 2)
    half = 12.7062 * statistics.stdev(pairs) / 2**0.5
    assert float(plain["difference_high"]) == pytest.approx(sum(pairs) / 2 + half, abs=1e-5)
    table = run(*report).stdout
    assert "Δ: plain - tiny, seed by seed" in table
    assert table == (folder / "table.txt").read_text(encoding="utf-8")
    assert "4 of 4 runs are done, 2 for each row." in table
    one = json.loads(run(*report, "--format", "json").stdout)
    assert [row["network"] for row in one["rows"]] == ["tiny", "plain"]
    assert "| plain |" in run(*report, "--format", "md").stdout
    assert r"\begin{tabular}" in run(*report, "--format", "latex").stdout


def test_the_plot_has_every_run(folder: Path) -> None:
    root = ElementTree.fromstring((folder / "out" / "plot.svg").read_bytes())
    groups = {
        g.get("id"): float(next(g.iter("{http://www.w3.org/2000/svg}rect")).get("x", 0))
        for g in root.iter("{http://www.w3.org/2000/svg}g")
        if g.get("role") == "img"
    }
    accuracies = {
        row["run"]: float(row["accuracy"])
        for row in rows((folder / "out" / "runs.csv").read_text(encoding="utf-8"))
    }
    assert groups.keys() == {*accuracies, "mean_0", "mean_1"}
    # What is right more often is further right.
    order = sorted(accuracies, key=accuracies.__getitem__)
    places = [groups[name] for name in order]
    assert places == sorted(places)
    with Image.open(folder / "out" / "plot.png") as image:
        assert image.width > image.height


def test_a_study_that_dies_goes_on_exactly(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved, save = 0, Checkpoints.save

    def dying(self: Checkpoints, *given: Any, **options: Any) -> Path:
        nonlocal saved
        path = save(self, *given, **options)
        saved += 1
        if saved == 5:  # the second of the second run: each has three
            raise Death
        return path

    command = ["study", "study.toml", "--out", str(tmp_path), "-q"]
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", dying)
        with pytest.raises(Death):
            run(*command)
    listed = run(*command[:-1], "--list").stdout.splitlines()
    assert [line.split()[1] for line in listed] == ["done", "begun", "waiting", "waiting"]
    assert [line.split()[2] for line in listed] == NAMES
    # What is there of it is reported, with no interval of a single run.
    assert "1 of 4 runs are done" in run(*command, "--report").stdout
    # Any run by itself, as a job of an array.
    assert run(*command, "--cell", "3").stdout == ""
    run(*command)
    assert (tmp_path / "runs.csv").read_bytes() == (folder / "out" / "runs.csv").read_bytes()
    starts = [
        [start["iteration"] for start in record["starts"]]
        for name in NAMES
        for record in [json.loads((tmp_path / "runs" / name / "run.json").read_bytes())]
    ]
    assert starts == [[0], [0, 4], [0], [0]]


def test_test_images_are_those_of_eval(folder: Path) -> None:
    text = STUDY.replace("[0, 1]", '[1]\nmetric = "test"')
    (folder / "tested.toml").write_text(text, encoding="utf-8")
    run("study", "tested.toml", "--out", "out", "--cell", "1", "-q")
    listed = run("study", "tested.toml", "--out", "out", "--list").stdout.splitlines()
    # Of the other run nothing is known yet by this measure, but it need not be trained again.
    assert [line.split()[1] for line in listed] == ["begun", "done"]
    said = run("eval", "out/runs/plain-seed_1").stdout
    assert f"top-1 {listed[1].split()[3]}" in said
    # And back.
    run("study", "study.toml", "--out", "out", "-q")


def test_a_run_of_an_earlier_version_is_one_of_this_study(folder: Path) -> None:
    """Whose recipes had fewer keys."""
    path = folder / "out" / "runs" / NAMES[0] / "study.json"
    text = path.read_text(encoding="utf-8")
    kept = json.loads(text)
    kept["recipe_sha256"] = "0" * 64
    del kept["recipe"]["speed"]["shards"]
    for recipe, state in ((kept["recipe"], "done"), (kept["recipe"] | {"keep": 7}, None)):
        path.write_text(json.dumps(kept | {"recipe": recipe}), encoding="utf-8")
        listed = run("study", "study.toml", "--out", "out", "--list", code=0 if state else 2)
        assert ("0  done" in listed.stdout) == bool(state)
    path.write_text(text, encoding="utf-8")


def test_a_run_of_another_study_is_refused(folder: Path) -> None:
    other = STUDY.replace("batch_size = [16]", "batch_size = [8]")
    (folder / "other.toml").write_text(other, encoding="utf-8")
    for name, change in (("other.toml", "recipe"), ("study.toml", "network")):
        words = ["study", name, "--out", "out"]
        if change == "network":
            words += ["--set", "specs.0.set.stages.0.channels=12"]
        for action in ([], ["--list"], ["--report"]):
            stderr = run(*words, *action, code=2).stderr
            assert stderr.count("error[E814]") == 1
            assert f"its {change} is another one" in stderr
    kept = folder / "out" / "runs" / NAMES[0] / "study.json"
    kept.rename(folder / "aside.json")
    stderr = run("study", "study.toml", "--out", "out", code=2).stderr
    assert "no study has begun it" in stderr
    kept.write_bytes((folder / "aside.json").read_bytes()[:99])
    stderr = run("study", "study.toml", "--out", "out", code=2).stderr
    assert "its `study.json` is damaged" in stderr
    (folder / "aside.json").rename(folder / "out" / "runs" / NAMES[0] / "study.json")


def test_nothing_of_a_title_acts_on_what_shows_it(folder: Path) -> None:
    hostile = STUDY.replace("[0, 1]", "[0]").replace('"plain"', '"\\u0000\\u001b[31m\\u202e<&"')
    (folder / "hostile.toml").write_text(hostile, encoding="utf-8")
    table = run("study", "hostile.toml", "--out", "hostile", "--set", "grid.iterations=[1]").stdout
    files = [(folder / "hostile" / name).read_text("utf-8") for name in ("runs.csv", "plot.svg")]
    for text in (table, *files):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    ElementTree.fromstring(files[1])


def test_nothing_that_is_done_can_be_reported(folder: Path, tmp_path: Path) -> None:
    said = run("study", "study.toml", "--out", str(tmp_path / "none"), "--report")
    assert "0 of 4 runs are done" in said.stdout
    assert "no run is done: there is nothing to plot" in said.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cell", "4"], "there is no run 4: they are 0 to 3"),
        (["--cell", "1", "--list"], "--list, --cell and --report are three things to do"),
        (["--list", "--format", "csv"], "--format and -o are for the table"),
    ],
)
def test_bad_usage(words: list[str], said: str, folder: Path) -> None:
    assert said in run("study", "study.toml", "--out", "out", *words, code=2).stderr


def test_several_processes_train_one_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("RANK", "0"),
        ("WORLD_SIZE", "2"),
        ("MASTER_ADDR", "localhost"),
        ("MASTER_PORT", "29999"),
    ):
        monkeypatch.setenv(name, value)
    stderr = run("study", "study.toml", "--out", "out", code=2).stderr
    assert "several processes train one run: name it with --cell" in stderr


def test_a_run_that_this_machine_cannot_begin_with_stops_the_first(
    folder: Path, tmp_path: Path
) -> None:
    of_two = STUDY + 'speed.memory = ["1GB", "0.1MB"]\n'
    of_two = of_two.replace("tiny.toml", str(folder / "tiny.toml"))
    (tmp_path / "study.toml").write_text(of_two, encoding="utf-8")
    study = ["study", str(tmp_path / "study.toml"), "--out", str(tmp_path / "out"), "--root", "/"]
    said = run(*study, code=2)
    assert "run 0" not in said.stdout
    assert said.stderr.count("error[E702]: `memory` of 0.1MB is too little") == 2
    line = of_two.splitlines().index('speed.memory = ["1GB", "0.1MB"]') + 1
    assert said.stderr.count(f"study.toml:{line}:24") == 2
    assert "in the run `plain-memory_0.1mb-seed_0`" in said.stderr
    assert not (tmp_path / "out").exists()
    # One of its own is told of in the same way.
    alone = run(*study, "--cell", "7", code=2).stderr
    assert alone.count("error[E702]") == 1
    assert "in the run `plain-memory_0.1mb-seed_1`" in alone
