"""How commands that print tables are told where to, and as what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

import click

from archcompiler import terminal
from archcompiler.cli.destination import DestinationPath
from archcompiler.cli.options import choice

F = TypeVar("F", bound=Callable[..., Any])

TableFormat = Literal["table", "md", "csv", "json", "latex"]
SUFFIXES: Final[dict[str, TableFormat]] = {
    ".txt": "table",
    ".md": "md",
    ".csv": "csv",
    ".json": "json",
    ".tex": "latex",
}
"""What a file is written as unless `--format` says otherwise."""


def table_options(example: str) -> Callable[[F], F]:
    """`--format` and `-o`, whose help names an example of a file."""

    def add(command: F) -> F:
        command = click.option(
            "-o",
            "--output",
            type=DestinationPath(stream=True),
            metavar="FILE|-",
            help=f"Write a file: {example}; - is the standard output.",
        )(command)
        return click.option(
            "--format",
            "format",
            type=choice(TableFormat),
            help="As what to print; by default a table, or what the file of -o is named after.",
        )(command)

    return add


def print_table(text: str, format: TableFormat, *, styled: bool) -> None:
    """Print a table for people, or what one in another format has in a file."""
    if format == "table":
        terminal.page(text, styled=styled)
    else:
        terminal.file(text)
