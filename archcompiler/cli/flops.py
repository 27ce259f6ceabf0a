from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archcompiler import terminal
from archcompiler.analysis.references import Origin
from archcompiler.analysis.roofline import Precision, accelerator
from archcompiler.cli import completing
from archcompiler.cli.command import SPEC, Command
from archcompiler.cli.compiling import SpecArgument, compile_all
from archcompiler.cli.destination import Destination
from archcompiler.cli.options import choice, root_option, set_option, specs_argument
from archcompiler.cli.report import report as report_diagnostics
from archcompiler.cli.tabling import SUFFIXES, TableFormat, print_table, table_options
from archcompiler.cli.writing import format_of, write_output
from archcompiler.compiler import CompiledNetwork, at_size
from archcompiler.config.files import Files
from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.tables.columns import chosen, order_by
from archcompiler.tables.report import Report, View, titled

if TYPE_CHECKING:
    from archcompiler.ir import Graph
    from archcompiler.verify.counts import Counts

LARGEST = 65_536
"""Pixels of a side, as in a spec."""


def _sizes(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[tuple[int, ...], ...] | None:
    """`224,320x480`: one side for all axes, or one for each: height × width."""
    if value is None:
        return None
    sizes = []
    for part in value.split(","):
        if not re.fullmatch(r"\s*\d{1,6}(\s*[x×]\s*\d{1,6}){0,2}\s*", part, re.ASCII):
            raise click.BadParameter(f"`{part}` is no size; 224, or 224x320 for height × width.")
        size = tuple(map(int, re.split("[x×]", part)))
        if not all(0 < side <= LARGEST for side in size):
            raise click.BadParameter(f"`{part}` is not between 1 and {LARGEST} pixels.")
        sizes.append(size)
    return tuple(dict.fromkeys(sizes))


def _print_schema(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from archcompiler.tables.json import schema_text

        terminal.page(schema_text())
        ctx.exit()


@click.command(
    "flops",
    cls=Command,
    groups={
        **SPEC,
        "Table": ("view", "depth", "sizes", "batch", "columns", "sort", "titles"),
        "Comparison": ("origins", "devices", "precision", "verify"),
        "Output": ("format", "output", "caption", "label", "schema"),
    },
    examples=[
        "flops attention56 attention92 --ref paper",
        "flops my.toml --by stage --res 224,320x480",
        "flops my.toml -o costs.tex --caption Costs --label tab:costs",
    ],
)
@specs_argument
@set_option
@root_option
@click.option(
    "--by",
    "view",
    type=choice(View),
    default="network",
    show_default=True,
    help="Rows of the table; branches are stem, trunk, mask and head.",
)
@click.option(
    "--depth", type=click.IntRange(1, 64), metavar="N", help="Levels of --by module; 2 by default."
)
@click.option("--res", "sizes", callback=_sizes, metavar="SIZES", help="Input sizes: 224,320x480.")
@click.option(
    "--batch",
    type=click.IntRange(1, 1_000_000_000),
    default=1,
    show_default=True,
    metavar="N",
    help="Images that what autograd keeps is of.",
)
@click.option("--columns", metavar="NAMES", help="Columns to show, as in the JSON; or `all`.")
@click.option("--sort", metavar="COLUMN", help="Sort rows, largest first; or by `name`.")
@click.option(
    "--ref",
    "origins",
    type=choice(Origin),
    multiple=True,
    help="Compare with published sizes; may be given twice.",
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="NAME",
    shell_complete=completing.accelerators,
    help="Roofline of an accelerator, as h100; `archcompiler list accelerators` has all.",
)
@click.option(
    "--precision",
    type=choice(Precision),
    default="half",
    show_default=True,
    help="Numbers of the roofline: 16-bit floats or float32.",
)
@click.option(
    "--verify", is_flag=True, help="Measure with fvcore and torch; exit 1 on a difference."
)
@table_options("costs.tex")
@click.option(
    "--titles/--names",
    default=None,
    help="What networks are called; by default titles in LaTeX and Markdown, else names.",
)
@click.option("--caption", metavar="TEX", help="Caption of a LaTeX `table` around it.")
@click.option("--label", metavar="LABEL", help="Label of a LaTeX `table` around it: tab:costs.")
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of --format json.",
)
def command(
    specs: tuple[SpecArgument, ...],
    settings: tuple[str, ...],
    root: Path | None,
    view: View,
    depth: int | None,
    sizes: tuple[tuple[int, ...], ...] | None,
    batch: int,
    columns: str | None,
    sort: str | None,
    origins: tuple[Origin, ...],
    devices: tuple[str, ...],
    precision: Precision,
    verify: bool,
    format: TableFormat | None,
    output: Destination | None,
    titles: bool | None,
    caption: str | None,
    label: str | None,
) -> None:
    """Count what each SPEC costs: parameters, MACs, activations, memory.

    Counts come from the graph, without a framework; --verify holds them against fvcore and torch.
    """
    if depth is not None and view != "module":
        raise click.UsageError("--depth is for --by module.")

    if format is None:
        format = "table" if output is None or output.is_stream else format_of(output.path, SUFFIXES)
    if format != "latex" and (caption is not None or label is not None):
        raise click.UsageError("--caption and --label are for --format latex.")
    if titles is None:
        titles = format in ("latex", "md")

    keys = [key.strip() for key in columns.split(",")] if columns else []
    chosen(view, keys, measured=verify)
    order = None if sort is None else order_by(sort)
    named = tuple(accelerator(name) for name in dict.fromkeys(devices))

    networks = compile_all(specs, settings, Files(root))
    graphs = _graphs(networks, sizes)
    measured, missing = _measure(graphs) if verify else ([None] * len(graphs), None)
    reports = [
        Report(
            network,
            graph,
            view,
            depth or 2,
            tuple(dict.fromkeys(origins)),
            named,
            precision,
            counts,
            order,
            batch=batch,
        )
        for (network, graph), counts in zip(graphs, measured, strict=True)
    ]
    if titles:
        reports = titled(reports)
    color = output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    text = _render(reports, keys, format, caption, label, color=color)
    if output is None or output.is_stream:
        print_table(text, format, styled=color)
    else:
        write_output(output.path, text.encode())
        terminal.line(output.path)
    if missing is not None:
        report_diagnostics([missing])
        sys.exit(2)
    if verify:
        _conclude([counts for counts in measured if counts is not None])


def _spread(size: tuple[int, ...], network: CompiledNetwork) -> tuple[int, ...]:
    """One side for each axis of the network's input."""
    dims = network.graph.input.dims
    if len(size) == 1:
        return size * dims
    if len(size) != dims:
        given = "x".join(map(str, size))
        raise click.UsageError(f"`--res {given}` has {len(size)} sides; {network.name} has {dims}.")
    return size


def _graphs(
    networks: Sequence[CompiledNetwork], sizes: Sequence[tuple[int, ...]] | None
) -> list[tuple[CompiledNetwork, Graph]]:
    """Every network at every size. Raises CompileError with all sizes that a network refuses."""
    if sizes is None:
        return [(network, network.graph) for network in networks]
    graphs: list[tuple[CompiledNetwork, Graph]] = []
    found: list[Diagnostic] = []
    for network in networks:
        for size in dict.fromkeys(_spread(size, network) for size in sizes):
            try:
                graphs.append((network, at_size(network, *size)))
            except CompileError as refused:
                found += refused.diagnostics
    if found:
        raise CompileError(*found)
    return graphs


def _measure(
    graphs: Sequence[tuple[CompiledNetwork, Graph]],
) -> tuple[list[Counts | None], Diagnostic | None]:
    """What fvcore and torch count; nothing, and what to install, where one is missing."""
    try:
        from archcompiler.verify.counts import verify_counts
    except ImportError as missing:
        names = ", ".join(
            ("fvcore", "torch") if missing.name is None else (missing.name.partition(".")[0],)
        )
        return [None] * len(graphs), error(
            "E503",
            f"the counts are not verified: {names} cannot be imported",
            notes=(str(missing),),
            help="pip install torch fvcore",
        )
    return [verify_counts(network, graph) for network, graph in graphs], None


def _render(
    reports: Sequence[Report],
    keys: Sequence[str],
    format: TableFormat,
    caption: str | None,
    label: str | None,
    *,
    color: bool,
) -> str:
    from archcompiler.tables import csv, json, latex, markdown, text
    from archcompiler.tables.grid import cost_grid, reference_grid, roofline_grid

    reports = _sorted(reports)
    if format == "json":
        return json.render(reports)
    if format == "csv":
        return csv.render(reports)
    grids = []
    if not reports[0].origins or keys or reports[0].view != "network":
        grids.append(cost_grid(reports, keys))
    if reports[0].origins:
        grids.append(reference_grid(reports))
    if reports[0].accelerators:
        grids.append(roofline_grid(reports))
    if format == "md":
        return markdown.render(grids)
    if format == "latex":
        return latex.render(grids, caption, label)
    return text.render(grids, color=color)


def _sorted(reports: Sequence[Report]) -> Sequence[Report]:
    order = reports[0].order
    if order is None or reports[0].view != "network":
        return reports
    return sorted(reports, key=lambda report: order(report, report.total))


def _conclude(measured: Sequence[Counts]) -> None:
    """Say what was verified, on stderr so that a table can be piped; exit 1 on a difference."""
    for counts in measured:
        terminal.page(f"{counts}\n", err=True)
    if not all(counts.holds for counts in measured):
        sys.exit(1)
