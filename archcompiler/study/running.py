"""One run of a study after the other, each in a folder of its own, exactly from where it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from archcompiler.diagnostics import Diagnostic
from archcompiler.runner.evaluation import evaluate_trained
from archcompiler.runner.store.checkpoint import checksum, load
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.store.record import read_record
from archcompiler.runner.store.trained import load_portable
from archcompiler.runner.system.place import read_place
from archcompiler.runner.system.signals import GRACE
from archcompiler.runner.training import Job, train
from archcompiler.study.keeping import begin, finish, folder_of
from archcompiler.study.loading import Cell, LoadedStudy
from archcompiler.study.model import Metric, Result

Warn = Callable[[Sequence[Diagnostic]], object]


def run_cell(
    study: LoadedStudy,
    cell: Cell,
    out: Path,
    *,
    warn: Warn,
    quiet: bool = False,
    grace: float = GRACE,
) -> bool:
    """Train from where the run is to its end, and keep what it has come to. False if a signal
    stopped it.

    Raises CompileError as `train` does, and E814 where the folder has another run.
    """
    run = RunFolder(folder_of(out, cell))
    first = read_place().first
    if first:
        begin(out, cell)
    network = cell.network.compiled
    job = Job(network, cell.loaded, run, resume=True, quiet=quiet, grace=grace, warn=warn)
    with cell.located():
        outcome = train(job)
    if outcome.finished and first:
        finish(out, cell, _measured(run, study.study.metric, warn))
    return outcome.finished


def _measured(run: RunFolder, metric: Metric, warn: Warn) -> Result:
    """The accuracy of a run that has ended, and of which weights it is."""
    contents = load(run.best_or_last)
    trained = load_portable(run.path, "auto")
    if metric == "test":
        evaluation = evaluate_trained(trained, crops=1, size=None, limit=None)
        warn(evaluation.warnings)
        if evaluation.problem is not None:
            raise evaluation.problem
        accuracy = evaluation.score.top1
    else:
        accuracy = contents["best"]["accuracy"]
    return Result(
        accuracy=accuracy,
        metric=metric,
        split="test" if metric == "test" else trained.chosen_on,
        iteration=trained.iteration,
        weights_sha256=checksum(contents["model"]),
        data_sha256=str(read_record(run.record)["data_sha256"]),
    )
