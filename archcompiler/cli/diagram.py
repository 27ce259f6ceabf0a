from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli import completing
from archcompiler.cli.command import SPEC, Command
from archcompiler.cli.compiling import SpecArgument, compile_all
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import (
    SpecPath,
    choice,
    root_option,
    set_option,
    watch_option,
)
from archcompiler.cli.watching import perform
from archcompiler.config.files import Files
from archcompiler.figure.diagram import EXTENSIONS, FORMATS, Format, Request
from archcompiler.figure.page import Level
from archcompiler.figure.themes import ThemeName

INCH = 72.0
UNITS = {"in": INCH, "cm": INCH / 2.54, "mm": INCH / 25.4, "pt": 1.0}
BINARY = ("png", "pdf")
NARROWEST, WIDEST = 3.0, 60.0


class Length(click.ParamType[float]):
    """7in, 17.8cm, 178mm or 504pt, in points."""

    name = "length"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        text = str(value)
        unit = next((unit for unit in UNITS if text.endswith(unit)), "")
        try:
            points = float(text.removesuffix(unit)) * UNITS[unit]
        except (KeyError, ValueError):
            self.fail(f"{text!r} is not a length such as 7in, 17.8cm or 504pt", param, ctx)
        if not NARROWEST * INCH <= points <= WIDEST * INCH:
            self.fail(f"a figure is {NARROWEST:g} to {WIDEST:g} inches wide", param, ctx)
        return points


class Formats(click.ParamType[tuple[str, ...]]):
    """One format or several with commas between them."""

    name = "formats"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",") if word.strip()]
        for word in words:
            if word not in FORMATS:
                self.fail(f"no format {word!r}; there are {', '.join(FORMATS)}", param, ctx)
        if not words:
            self.fail("names no format", param, ctx)
        return tuple(words)


@click.command(
    "diagram",
    cls=Command,
    groups={
        **SPEC,
        "Drawing": ("level", "expand", "theme", "width"),
        "Output": ("formats", "output", "dot"),
    },
    examples=[
        "diagram attention56 -o figure.svg",
        "diagram my.toml --format svg,pdf,html -o figures",
        "diagram attention92 attention452",
    ],
)
@click.argument("specs", metavar="SPEC [OTHER]", nargs=-1, required=True, type=SpecPath())
@set_option
@root_option
@click.option(
    "--level", type=choice(Level), default="auto", show_default=True,
    help="How deep to draw; auto: as deep as fits a page, op: every operator.",
)  # fmt: skip
@click.option(
    "--expand", multiple=True, metavar="SCOPE", shell_complete=completing.scopes,
    help="Draw the inside of a scope such as stage2/attention1 too; may be given again.",
)  # fmt: skip
@click.option(
    "--format", "formats", type=Formats(), multiple=True, metavar="FORMAT,…",
    help=f"One or several of {', '.join(FORMATS)}; may be given again. By default svg, or what "
    "the file of -o is named after.",
)  # fmt: skip
@click.option("--theme", type=choice(ThemeName), default="paper", show_default=True)
@click.option("--width", type=Length(), default="7in", show_default=True, metavar="LENGTH")
@click.option(
    "-o", "--output", type=DestinationPath(EXTENSIONS, folders=True, stream=True), default=Path(),
    metavar="DIR|FILE|-",
    help="Folder of the files, by default the current one; figure.svg is the file, - the standard "
    "output.",
)  # fmt: skip
@watch_option
@click.option(
    "--dot", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="PATH",
    help="The Graphviz program to use.",
)  # fmt: skip
def command(
    specs: tuple[SpecArgument, ...],
    settings: tuple[str, ...],
    root: Path | None,
    level: Level,
    expand: tuple[str, ...],
    formats: tuple[tuple[Format, ...], ...],
    theme: ThemeName,
    width: float,
    output: Destination,
    dot: Path | None,
    watch: bool,
) -> None:
    """Draw SPEC as DIR/<name>.svg, one page by default; with OTHER, the two side by side."""
    if len(specs) > 2:
        raise click.UsageError("draws one spec, or two side by side")
    request = Request(level, expand, theme, width, dot)
    wanted = _wanted(output, tuple(dict.fromkeys(f for several in formats for f in several)))

    def run(files: Files) -> None:
        networks = compile_all(specs, settings, files)

        from archcompiler.figure.files import figure_content, write_figure

        if output.is_stream:
            content, notes = figure_content(networks, request, wanted[0])
            terminal.raw(content)
            _say(notes)
            return
        folder = output.is_folder
        for path, notes in write_figure(networks, request, wanted, output.path, is_folder=folder):
            terminal.line(path)
            _say(notes)

    perform(run, root, watch)


def _say(notes: Iterable[str]) -> None:
    for note in notes:
        terminal.line(f"note: {note}", err=True)


def _wanted(output: Destination, formats: tuple[Format, ...]) -> tuple[Format, ...]:
    """The formats to write; a file has the one that it is named after."""
    if output.is_folder:
        return formats or ("svg",)
    if output.is_stream:
        if len(formats) > 1:
            raise click.UsageError(f"-o - is one file, not {len(formats)}; a folder has several")
        (format,) = formats or ("svg",)
        if format in BINARY and sys.stdout.isatty():
            raise click.UsageError(f"{format} is nothing for a terminal; -o FILE, or a pipe")
        return (format,)
    own = EXTENSIONS[output.path.suffix.lower()]
    if formats not in ((), (own,)):
        raise click.UsageError(f"-o {output} is one file, of format {own}; a folder has several")
    return (own,)
