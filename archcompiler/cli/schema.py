from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of specs, with the unit types that are installed."""
    from archcompiler.spec.schema import schema_text

    click.echo(schema_text(), nl=False)
