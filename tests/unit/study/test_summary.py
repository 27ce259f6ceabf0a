"""Tables of a study's results, beside what Python's statistics say of the same numbers."""

from __future__ import annotations

import csv
import io
import json
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import tiny_toml

from archcompiler.study.keeping import State
from archcompiler.study.loading import load_study
from archcompiler.study.model import Result
from archcompiler.study.summary import Run, Summary, as_csv, as_grid, as_json, runs_csv

STUDY = """\
recipe = "smoke"
seeds = [3, 4, 5]
[[specs]]
spec = "tiny.toml"
[[specs]]
spec = "tiny.toml"
title = "wide"
against = "tiny"
set.stages.0.channels = 32
[grid]
augment.label_noise = [0.1, 0.3]
data.grey = ["repeat"]
"""
NOISES, NETWORKS, SEEDS = (0.1, 0.3), ("tiny", "wide"), (3, 4, 5)
ACCURACY = {
    (noise, network, seed): 0.5 + noise / 3 + seed**2 / 1000 + (network == "wide") * seed / 70
    for noise in NOISES
    for network in NETWORKS
    for seed in SEEDS
}
WAITING = {(0.1, "wide", 4), *((0.3, "tiny", seed) for seed in (4, 5))}
"""Runs that are not done."""
QUANTILE = {1: 12.7062, 2: 4.30265}
"""Of Student's t by degrees of freedom, two-sided for 95 %, as tables have it."""


def accuracies(noise: float, network: str) -> dict[int, float]:
    """Of the runs that are done, by seed."""
    done = [key for key in ACCURACY if key[:2] == (noise, network) and key not in WAITING]
    return {key[2]: ACCURACY[key] for key in done}


def differences(noise: float) -> list[float]:
    tiny, wide = (accuracies(noise, network) for network in NETWORKS)
    return [wide[seed] - tiny[seed] for seed in SEEDS if seed in tiny and seed in wide]


def half(values: list[float]) -> float | None:
    """Half of an interval; None of one value."""
    if len(values) < 2:
        return None
    return QUANTILE[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Summary:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(tiny_toml(), encoding="utf-8")
    Path("study.toml").write_text(STUDY, encoding="utf-8")
    study = load_study("study.toml")
    runs = []
    for cell in study.cells:
        key = (*cell.setting, cell.network.title, cell.seed)
        state, result = State.WAITING, None
        if key not in WAITING:
            state = State.DONE
            result = Result(
                accuracy=ACCURACY[key], metric="best", split="validation", iteration=cell.number,
                weights_sha256=f"weights {cell.number}", data_sha256="data",
            )  # fmt: skip
        runs.append(Run(cell, state, result))
    return Summary(study, tuple(runs))


def test_a_table_has_each_network_with_each_setting(summary: Summary) -> None:
    grid = as_grid(summary)
    (section,) = grid.sections
    columns = ["network", "label_noise", "runs", "mean", "deviation", "from", "to", "Δ", "±"]
    units = ["", "", "", "%", "%", "%", "%", "%", "%"]
    assert [heading.title for heading in grid.headings] == columns
    assert [heading.unit for heading in grid.headings] == units
    keys = [(noise, network) for noise in NOISES for network in NETWORKS]
    for row, (noise, network) in zip(section.rows, keys, strict=True):
        said = dict(zip(columns, row, strict=True))
        values = list(accuracies(noise, network).values())
        assert (said["network"], said["label_noise"]) == (network, str(noise))
        assert said["runs"] == str(len(values))
        mean, wide = statistics.fmean(values), half(values)
        expected = {"mean": mean, "deviation": None, "from": None, "to": None}
        if wide is not None:
            expected |= {"deviation": statistics.stdev(values)}
            expected |= {"from": mean - wide, "to": mean + wide}
        of = differences(noise) if network == "wide" else []
        expected |= {"Δ": statistics.fmean(of) if of else None, "±": half(of)}
        for column, number in expected.items():
            assert said[column] == ("–" if number is None else f"{100 * number:.2f}"), column
    assert grid.notes[0] == "9 of 12 runs are done, 3 for each row."
    assert grid.notes[1] == "mean: best accuracy of a run on its validation images."
    assert grid.notes[-1].startswith("Δ: wide - tiny, seed by seed: ")


def test_where_nothing_is_compared_there_is_no_difference(
    summary: Summary,
) -> None:
    Path("study.toml").write_text(STUDY.replace('against = "tiny"\n', ""), encoding="utf-8")
    cells = load_study("study.toml").cells
    runs = tuple(replace(run, cell=c) for run, c in zip(summary.runs, cells, strict=True))
    grid = as_grid(replace(summary, runs=runs))
    assert [heading.title for heading in grid.headings][-1] == "to"
    assert not any("Δ" in note for note in grid.notes)


def test_files_have_the_same_rows_with_every_digit(summary: Summary) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(summary))))
    found = json.loads(as_json(summary))["rows"]
    keys = [(noise, network) for noise in NOISES for network in NETWORKS]
    for line, each, (noise, network) in zip(rows, found, keys, strict=True):
        values = list(accuracies(noise, network).values())
        assert (line["network"], float(line["augment.label_noise"])) == (network, noise)
        assert (each["network"], each["set"]) == (network, {"augment.label_noise": noise})
        assert int(line["runs"]) == len(values)
        assert float(line["mean"]) == each["mean"] == statistics.fmean(values)
        wide = half(values)
        if wide is None:
            assert (line["low"], line["high"], each["interval"]) == ("", "", None)
        else:
            interval = [statistics.fmean(values) - wide, statistics.fmean(values) + wide]
            assert each["interval"] == pytest.approx(interval, abs=1e-6)
            assert [float(line["low"]), float(line["high"])] == each["interval"]
        of = differences(noise) if network == "wide" else []
        assert (line["against"] or None) == each["against"] == ("tiny" if of else None)
        if of:
            assert float(line["difference"]) == each["difference"]
            assert each["difference"] == pytest.approx(statistics.fmean(of))
        if half(of) is not None:
            low, high = each["difference_interval"]
            assert (high - low) / 2 == pytest.approx(half(of), rel=1e-5)
            assert [low, high] == [float(line[f"difference_{end}"]) for end in ("low", "high")]


def test_every_run_that_is_done_has_a_line(summary: Summary) -> None:
    lines = list(csv.DictReader(io.StringIO(runs_csv(summary))))
    done = [key for key in ACCURACY if key not in WAITING]
    for line, (noise, network, seed) in zip(lines, done, strict=True):
        assert line["run"] == f"{network}-label_noise_{noise}-seed_{seed}"
        assert (line["network"], int(line["seed"])) == (network, seed)
        assert float(line["augment.label_noise"]) == noise
        assert float(line["accuracy"]) == ACCURACY[noise, network, seed]
        assert line["weights_sha256"] == f"weights {line['number']}"
        assert line["iteration"] == line["number"]
    numbers = [int(line["number"]) for line in lines]
    assert numbers == [i for i, key in enumerate(ACCURACY) if key not in WAITING]
