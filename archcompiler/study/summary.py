"""The results of a study, and their tables for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from archcompiler.config.toml import toml_value
from archcompiler.diagnostics.render.visible import visible
from archcompiler.study.keeping import State, state_of
from archcompiler.study.loading import Cell, LoadedStudy
from archcompiler.study.model import Result
from archcompiler.study.spread import CONFIDENCE, Spread
from archcompiler.tables.grid import Field, Grid, Section, as_rows


@dataclass(frozen=True)
class Run:
    """A run of the study, and how far it is."""

    cell: Cell
    state: State
    result: Result | None


@dataclass(frozen=True)
class Row:
    """The runs that differ in the seed alone."""

    title: str
    setting: tuple[Any, ...]
    runs: tuple[Run, ...]

    @property
    def against(self) -> str | None:
        """Title of the network that it is compared with."""
        return self.runs[0].cell.network.against

    @property
    def spread(self) -> Spread:
        """Of the accuracies that there are, as shares."""
        return Spread(tuple(run.result.accuracy for run in self.runs if run.result is not None))


@dataclass(frozen=True)
class Summary:
    """A study with what its runs have come to."""

    study: LoadedStudy
    runs: tuple[Run, ...]

    @property
    def done(self) -> int:
        return sum(run.state is State.DONE for run in self.runs)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """In the order of the study: settings, and the networks with each."""
        return tuple(
            Row(title, setting, tuple(runs))
            for (setting, title), runs in groupby(
                self.runs, lambda run: (run.cell.setting, run.cell.network.title)
            )
        )

    def difference(self, row: Row) -> Spread:
        """Of its accuracies from those of the network that it is compared with, with the same
        setting, seed by seed; of nothing where it is compared with none.
        """
        other = {
            run.cell.seed: run.result.accuracy
            for found in self.rows
            if (found.title, found.setting) == (row.against, row.setting)
            for run in found.runs
            if run.result is not None
        }
        return Spread(
            tuple(
                run.result.accuracy - other[run.cell.seed]
                for run in row.runs
                if run.result is not None and run.cell.seed in other
            )
        )

    @property
    def measure(self) -> str:
        """What the accuracies are of, in words."""
        splits = {run.result.split for run in self.runs if run.result is not None}
        images = " or ".join(f"{split} images" for split in sorted(splits)) or "images"
        if self.study.study.metric == "test":
            return "accuracy of the best weights on all test images"
        return f"best accuracy of a run on its {images}"


def summarise(study: LoadedStudy, out: Path) -> Summary:
    """What there is of a study in a folder. Raises CompileError E814 for runs of another."""
    metric = study.study.metric
    return Summary(study, tuple(Run(c, *state_of(out, c, metric)) for c in study.cells))


def word(value: Any) -> str:
    """A value of the grid, as it is shown."""
    return visible(value) if isinstance(value, str) else toml_value(value)


def as_grid(summary: Summary) -> Grid:
    """A row for each network with each setting; in per cent."""
    rows = summary.rows
    spreads = [row.spread for row in rows]
    of, titles = len(summary.study.study.seeds), [row.title for row in rows]
    fields = [Field("network", None, list(titles))]
    for place, key in enumerate(summary.study.axes):
        fields.append(Field(_last(key), None, [word(row.setting[place]) for row in rows]))
    fields.append(Field("runs", "", [len(s.values) for s in spreads], scaled=False))
    intervals = [spread.interval for spread in spreads]
    columns: list[tuple[str, list[float | None]]] = [
        ("mean", [s.mean for s in spreads]),
        ("deviation", [s.deviation for s in spreads]),
        ("from", [i and i[0] for i in intervals]),
        ("to", [i and i[1] for i in intervals]),
    ]
    if any(row.against for row in rows):
        differences = [summary.difference(row) for row in rows]
        columns.append(("Δ", [d.mean for d in differences]))
        columns.append(("±", [d.half for d in differences]))
    for title, numbers in columns:
        percent = [None if number is None else 100 * number for number in numbers]
        fields.append(Field(title, "%", list(percent), scaled=False, digits=2))
    headings, cells = as_rows(fields)
    return Grid(headings, (Section("", cells),), tuple(_notes(summary, of)))


def _notes(summary: Summary, seeds: int) -> Iterator[str]:
    yield f"{summary.done} of {len(summary.runs)} runs are done, {seeds} for each row."
    yield f"mean: {summary.measure}."
    yield (
        f"deviation: of a run, from n - 1; from, to: the {CONFIDENCE:.0%} interval of the mean, by "
        "Student's t over the runs."
    )
    pairs = dict.fromkeys(f"{row.title} - {row.against}" for row in summary.rows if row.against)
    if pairs:
        yield (
            f"Δ: {', '.join(pairs)}, seed by seed: mean of the differences, and ± half of its "
            "interval."
        )


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def as_csv(summary: Summary) -> str:
    """The same rows, as shares with every digit."""
    head = [
        "network", *summary.study.axes, "runs", "mean", "deviation", "low", "high",
        "against", "difference", "difference_low", "difference_high",
    ]  # fmt: skip
    lines = []
    for row in summary.rows:
        spread, difference = row.spread, summary.difference(row)
        given = [word(value) for value in row.setting]
        line = [row.title, *given, len(spread.values), spread.mean, spread.deviation]
        line += spread.interval or (None, None)
        line += row.against, difference.mean, *(difference.interval or (None, None))
        lines.append(line)
    return _csv(head, lines)


def runs_csv(summary: Summary) -> str:
    """A line for each run that is done, with hashes of what it is of and of its weights."""
    head = [
        "number", "run", "network", *summary.study.axes, "seed", "metric", "split", "accuracy",
        "iteration", "spec_sha256", "recipe_sha256", "data_sha256", "weights_sha256",
    ]  # fmt: skip
    lines = []
    for run in summary.runs:
        cell, result = run.cell, run.result
        if result is not None:
            lines.append([
                cell.number, cell.name, cell.network.title, *map(word, cell.setting), cell.seed,
                result.metric, result.split, result.accuracy, result.iteration, cell.spec_sha256,
                cell.recipe_sha256, result.data_sha256, result.weights_sha256,
            ])  # fmt: skip
    return _csv(head, lines)


def _csv(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return out.getvalue()


def as_json(summary: Summary) -> str:
    """Everything, as shares with every digit."""
    axes = summary.study.axes
    rows = []
    for row in summary.rows:
        spread, difference, runs = row.spread, summary.difference(row), []
        for run in row.runs:
            result = None if run.result is None else run.result.model_dump(mode="json")
            runs.append(
                {
                    "number": run.cell.number,
                    "run": run.cell.name,
                    "seed": run.cell.seed,
                    "state": run.state.value,
                    "spec_sha256": run.cell.spec_sha256,
                    "recipe_sha256": run.cell.recipe_sha256,
                    "result": result,
                }
            )
        rows.append(
            {
                "network": row.title,
                "set": dict(zip(axes, row.setting, strict=True)),
                "mean": spread.mean,
                "deviation": spread.deviation,
                "interval": spread.interval,
                "against": row.against,
                "difference": difference.mean,
                "difference_interval": difference.interval,
                "runs": runs,
            }
        )
    found = {
        "study": summary.study.name,
        "metric": summary.study.study.metric,
        "confidence": CONFIDENCE,
        "rows": rows,
    }
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
