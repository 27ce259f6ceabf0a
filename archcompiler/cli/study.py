from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archcompiler import terminal
from archcompiler.cli import completing
from archcompiler.cli.command import Command
from archcompiler.cli.compiling import SpecArgument, study_wanted
from archcompiler.cli.destination import Destination
from archcompiler.cli.ending import ended_by
from archcompiler.cli.options import RunPath, SpecPath, grace_option, root_option
from archcompiler.cli.report import report
from archcompiler.cli.tabling import SUFFIXES, TableFormat, print_table, table_options
from archcompiler.cli.writing import format_of, require_apart, write_output
from archcompiler.runner.system.place import ALONE, read_place
from archcompiler.runner.system.signals import EXIT_STOPPED, at_once

if TYPE_CHECKING:
    from archcompiler.study.loading import Cell, LoadedStudy
    from archcompiler.study.summary import Summary

REPORTS = ("runs.csv", "plot.svg", "plot.png")
"""What stands in the folder of a study beside its table."""
_EPILOG = """
\b
All runs:     archcompiler study STUDY --out DIR
A job a run:  sbatch --array 0-17 --wrap 'archcompiler study STUDY
                --out DIR --cell $SLURM_ARRAY_TASK_ID'
Eight GPUs:   torchrun --nproc-per-node 8
                -m archcompiler study STUDY --out DIR --cell N
The table:    archcompiler study STUDY --out DIR --report

\b
Exit codes: 0 done, 1 a run failed, 2 bad usage, study, spec, recipe or data,
75 stopped by SIGTERM or SIGINT after writing a checkpoint. The same command
goes on where it was.
"""


@click.command(
    "study",
    cls=Command,
    groups={
        "Study": ("settings", "root"),
        "Runs": ("out", "list_", "cell", "report_", "grace", "quiet"),
        "Table": ("format", "output"),
    },
    examples=[
        "study label_noise --list",
        "study label_noise --out runs/label_noise",
        "study label_noise --out runs/label_noise --report --format latex -o noise.tex",
    ],
    epilog=_EPILOG,
)
@click.argument("study", metavar="STUDY", type=SpecPath(), shell_complete=completing.studies)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a value of the study, e.g. seeds=[0] or grid.epochs=[5].",
)
@root_option
@click.option(
    "--out",
    type=RunPath(file_okay=False),
    metavar="DIR",
    help="Folder of the study, with its runs in runs/; by default runs/STUDY.",
)
@click.option("--list", "list_", is_flag=True, help="Print the runs, and how far each is.")
@click.option(
    "--cell",
    type=click.IntRange(0),
    metavar="N",
    help="Train one run alone, by its number in --list.",
)
@click.option(
    "--report",
    "report_",
    is_flag=True,
    help="Train nothing: print the table of what is done, and write runs.csv, plot.svg and "
    "plot.png into DIR. So it is at the end of all runs too.",
)
@table_options("table.csv")
@grace_option
@click.option("-q", "--quiet", is_flag=True, help="Print the table alone, and problems.")
@at_once()
def command(
    study: SpecArgument,
    settings: tuple[str, ...],
    root: Path | None,
    out: Path | None,
    list_: bool,
    cell: int | None,
    report_: bool,
    format: TableFormat | None,
    output: Destination | None,
    grace: float,
    quiet: bool,
) -> None:
    """Train the networks of a STUDY with each setting and seed, and compare their accuracies.

    A run that has ended is not trained again, and one that was stopped goes on exactly.
    """
    if list_ + report_ + (cell is not None) > 1:
        raise click.UsageError("--list, --cell and --report are three things to do")
    if (list_ or cell is not None) and (format is not None or output is not None):
        raise click.UsageError("--format and -o are for the table, with --report or after all runs")
    if format is None:
        format = "table" if output is None or output.is_stream else format_of(output.path, SUFFIXES)
    if not list_:
        terminal.outlast()
    place = ALONE
    try:
        place = read_place()
        if place.size > 1 and cell is None:
            raise click.UsageError("several processes train one run: name it with --cell")
        from archcompiler.config.files import Files
        from archcompiler.study.loading import load_study

        with study_wanted(study):
            loaded = load_study(study, settings, Files(root))
        folder = out or Path("runs", loaded.name)
        if output is not None:
            require_apart(output.path, *(folder / name for name in REPORTS))
        if list_:
            _list(loaded, folder)
            return
        if cell is not None and cell >= len(loaded.cells):
            last = len(loaded.cells) - 1
            raise click.UsageError(f"there is no run {cell}: they are 0 to {last}")
        if place.first:
            report(loaded.warnings)
        cells = loaded.cells if cell is None else loaded.cells[cell : cell + 1]
        finished = report_ or _train(loaded, cells, folder, grace, quiet)
        if finished and cell is None:
            _conclude(loaded, folder, format, output)
    except click.ClickException:
        raise
    except Exception as exc:
        ended_by(exc, place)
    if not finished:
        if place.first and not quiet:
            terminal.line("the same command of the study goes on with it")
        sys.exit(EXIT_STOPPED)


def _list(study: LoadedStudy, out: Path) -> None:
    from archcompiler.study.summary import summarise

    width = len(str(len(study.cells) - 1))
    for run in summarise(study, out).runs:
        result = "" if run.result is None else f"  {run.result.accuracy:.2%}"
        terminal.line(f"{run.cell.number:>{width}}  {run.state.value:<7}  {run.cell.name}{result}")


def _train(
    study: LoadedStudy, cells: tuple[Cell, ...], out: Path, grace: float, quiet: bool
) -> bool:
    """Train what is not done yet, one after the other. False if a signal stopped it."""
    from archcompiler.study.keeping import State, state_of

    metric = study.study.metric
    # First: what is wrong with a folder, or a run, should not be told after hours.
    left = [cell for cell in cells if state_of(out, cell, metric)[0] is not State.DONE]
    if left:
        from archcompiler.runner.engine.preparing import require_trainable
        from archcompiler.runner.system.launch import follow
        from archcompiler.study.loading import require_all
        from archcompiler.study.running import run_cell

        follow()
        if len(left) > 1:
            require_all(left, require_trainable)
    for cell in left:
        if not quiet and read_place().first:
            terminal.line(f"run {cell.number} of 0 to {len(study.cells) - 1}: {cell.name}")
        if not run_cell(study, cell, out, warn=report, quiet=quiet, grace=grace):
            return False
    return True


def _conclude(
    study: LoadedStudy, out: Path, format: TableFormat, output: Destination | None
) -> None:
    """Print the table, and write what goes with it into the folder."""
    from archcompiler.figure.files import write
    from archcompiler.study.plot import PLOTS, plot
    from archcompiler.study.summary import runs_csv, summarise

    summary = summarise(study, out)
    color = output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    text = _render(summary, format, color=color)
    if output is None or output.is_stream:
        print_table(text, format, styled=color)
    else:
        write_output(output.path, text.encode())
        terminal.line(output.path)
    runs, *plots = (out / name for name in REPORTS)
    write_output(runs, runs_csv(summary).encode())
    figure = plot(summary)
    if figure is None:
        terminal.line("no run is done: there is nothing to plot", err=True)
        return
    for path in plots:
        write({path: figure.render(PLOTS[path.suffix])})


def _render(summary: Summary, format: TableFormat, *, color: bool) -> str:
    from archcompiler.study.summary import as_csv, as_grid, as_json
    from archcompiler.tables import latex, markdown, text

    if format == "json":
        return as_json(summary)
    if format == "csv":
        return as_csv(summary)
    grids = [as_grid(summary)]
    if format == "md":
        return markdown.render(grids)
    if format == "latex":
        return latex.render(grids)
    return text.render(grids, color=color)
