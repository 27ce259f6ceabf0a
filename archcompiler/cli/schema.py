from __future__ import annotations

import click

from archcompiler import terminal


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of specs, with the unit types that are installed."""
    from archcompiler.spec.schema import schema_text

    terminal.page(schema_text())
