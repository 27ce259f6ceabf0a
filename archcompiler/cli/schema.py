from __future__ import annotations

import click

from archcompiler import terminal
from archcompiler.cli.command import Command


@click.command("schema", cls=Command, examples=["schema > archcompiler.schema.json"])
def command() -> None:
    """Print the JSON Schema of specs, with the unit types that are installed."""
    from archcompiler.spec.schema import schema_text

    terminal.page(schema_text())
