from __future__ import annotations

from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.compiling import compile_all
from archcompiler.cli.options import SpecPath, UserPath, choice, root_option, set_option
from archcompiler.figure.diagram import FORMATS, Format, Request
from archcompiler.figure.page import Level
from archcompiler.figure.themes import ThemeName

INCH = 72.0
UNITS = {"in": INCH, "cm": INCH / 2.54, "mm": INCH / 25.4, "pt": 1.0}
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
            points = float(text.removesuffix(unit)) * UNITS[unit or "in"]
        except ValueError:
            self.fail(f"{text!r} is not a length such as 7in or 17.8cm", param, ctx)
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


@click.command("diagram")
@click.argument("specs", metavar="SPEC [OTHER]", nargs=-1, required=True, type=SpecPath())
@set_option
@root_option
@click.option(
    "--level", type=choice(Level), default="auto", show_default=True,
    help="How deep to draw; auto: as deep as fits a page, op: every operator.",
)  # fmt: skip
@click.option(
    "--expand", multiple=True, metavar="SCOPE",
    help="Draw the inside of a scope such as stage2/attention1 too; may be given again.",
)  # fmt: skip
@click.option(
    "--format", "formats", type=Formats(), multiple=True, default=["svg"], show_default=True,
    metavar="FORMAT,…", help=f"One or several of {', '.join(FORMATS)}; may be given again.",
)  # fmt: skip
@click.option("--theme", type=choice(ThemeName), default="paper", show_default=True)
@click.option("--width", type=Length(), default="7in", show_default=True, metavar="LENGTH")
@click.option(
    "-o", "--output", "directory", type=UserPath(file_okay=False),
    default=Path(), metavar="DIR", help="Folder of the files; by default the current one.",
)  # fmt: skip
@click.option(
    "--dot", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="PATH",
    help="The Graphviz program to use.",
)  # fmt: skip
def command(
    specs: tuple[Path, ...],
    settings: tuple[str, ...],
    root: Path | None,
    level: Level,
    expand: tuple[str, ...],
    formats: tuple[tuple[Format, ...], ...],
    theme: ThemeName,
    width: float,
    directory: Path,
    dot: Path | None,
) -> None:
    """Draw SPEC as DIR/<name>.svg, one page by default; with OTHER, the two side by side."""
    if len(specs) > 2:
        raise click.UsageError("draws one spec, or two side by side")
    networks = compile_all(specs, settings, root)
    request = Request(level, expand, theme, width, dot)

    from archcompiler.figure.files import write_figure

    wanted = tuple(dict.fromkeys(format for several in formats for format in several))
    for path, notes in write_figure(networks, request, wanted, directory):
        terminal.line(path)
        for note in notes:
            terminal.line(f"note: {note}", err=True)
