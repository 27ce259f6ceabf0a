from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from archcompiler import terminal
from archcompiler.cli import completing
from archcompiler.cli.command import Command
from archcompiler.cli.compiling import SpecArgument, space_wanted
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import SpecPath, UserPath, root_option
from archcompiler.cli.tabling import SUFFIXES, TableFormat, print_table, table_options
from archcompiler.cli.writing import format_of, require_apart, write_output

if TYPE_CHECKING:
    from archcompiler.search.searching import Candidate, Result

MOST: Final = 100_000
"""Specs that are listed; there may be any number of equal cost."""
SHOWN: Final = 20
"""Those that a table has, where nobody says how many."""
PLOTS: Final = (".svg", ".pdf", ".png")


@click.command(
    "search",
    cls=Command,
    groups={"Output": ("top", "format", "output", "plot", "folder")},
    examples=[
        "search like92 --top 10",
        "search my-space.toml --plot front.svg --write found --top 5",
    ],
    epilog="Exit codes: 0 specs were found, 1 none keeps to the budget, 2 bad usage or space.",
)
@click.argument("space", metavar="SPACE", type=SpecPath(), shell_complete=completing.spaces)
@root_option
@click.option(
    "--top",
    type=click.IntRange(1, MOST),
    metavar="N",
    help=f"The first N specs, by the first objective, then by the second; by default {SHOWN} in a "
    "table, and all elsewhere.",
)
@table_options("front.csv")
@click.option(
    "--plot",
    type=DestinationPath(PLOTS),
    metavar="FILE",
    help="Draw the specs by two objectives: front.svg, .pdf or .png.",
)
@click.option(
    "--write",
    "folder",
    type=UserPath(file_okay=False),
    metavar="FOLDER",
    help="Write each spec that is shown as a file that extends the one changed, with its costs as "
    "`[expect]`.",
)
def command(
    space: SpecArgument,
    root: Path | None,
    top: int | None,
    format: TableFormat | None,
    output: Destination | None,
    plot: Destination | None,
    folder: Path | None,
) -> None:
    """Find all specs of a SPACE that keep to its budget and that no other of it beats.

    A space says what of a spec is varied; nothing of it is left out, and nothing estimated.
    """
    if format is None:
        format = "table" if output is None or output.is_stream else format_of(output.path, SUFFIXES)
    if output is not None and plot is not None:
        require_apart(plot.path, output.path)
    from archcompiler.config.files import Files
    from archcompiler.runner.report.progress import Progress
    from archcompiler.search.loading import load_space
    from archcompiler.search.report import nearest
    from archcompiler.search.searching import search

    with space_wanted(space):
        loaded = load_space(space, Files(root))
    done = 0
    with Progress(loaded.variants, what="variant", err=True) as progress:

        def tick() -> None:
            nonlocal done
            done += 1
            progress.step(done)

        result = search(loaded, tick)
    # A plot has the whole front, of which a table shows the first.
    candidates = list(result.candidates(MOST if plot is not None else top or MOST))
    shown = candidates[: top or (SHOWN if format == "table" else MOST)]
    color = output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    text = _render(result, shown, format, color=color)
    written: list[Path] = []
    if folder is not None and candidates:
        from archcompiler.search.writing import write_specs

        # First: it may find other files there, and then nothing should be written.
        written = write_specs(result, shown, folder)
    if output is None or output.is_stream:
        print_table(text, format, styled=color)
    else:
        write_output(output.path, text.encode())
        terminal.line(output.path)
    if not candidates:
        skipped = ["no plot is drawn"] if plot is not None else []
        skipped += ["no spec is written"] if folder is not None else []
        left = f": {' and '.join(skipped)}" if skipped else ""
        terminal.line(f"no spec of the space keeps to its budget{left}", err=True)
        for line in nearest(result):
            terminal.line(line, err=True)
        sys.exit(1)
    if plot is not None:
        _draw(result, candidates, plot.path)
    for path in written:
        terminal.line(path)


def _render(
    result: Result, candidates: Sequence[Candidate], format: TableFormat, *, color: bool
) -> str:
    from archcompiler.search.report import as_csv, as_grid, as_json
    from archcompiler.tables import latex, markdown, text

    if format == "json":
        return as_json(result, candidates)
    if format == "csv":
        return as_csv(result, candidates)
    grids = [as_grid(result, candidates)]
    if format == "md":
        return markdown.render(grids)
    if format == "latex":
        return latex.render(grids)
    return text.render(grids, color=color)


def _draw(result: Result, candidates: Sequence[Candidate], path: Path) -> None:
    from archcompiler.figure.files import write
    from archcompiler.search.plot import PLOTS, plot

    figure = plot(result, candidates)
    format = PLOTS[path.suffix.lower()]
    write({path: figure.render(format)})
    terminal.line(path)
    for note in figure.notes_on(format):
        terminal.line(f"note: {note}", err=True)
