from __future__ import annotations

import click

from archcompiler import terminal
from archcompiler.cli.command import Command


@click.command(
    "schema",
    cls=Command,
    examples=[
        "schema > archcompiler.schema.json",
        "schema --recipe > archcompiler.recipe.schema.json",
    ],
)
@click.option("--recipe", is_flag=True, help="That of recipes.")
def command(recipe: bool) -> None:
    """Print the JSON Schema of specs, with the unit types that are installed, or of recipes."""
    if recipe:
        from archcompiler.runner.recipe.schema import recipe_schema_text

        terminal.page(recipe_schema_text())
        return
    from archcompiler.spec.schema import schema_text

    terminal.page(schema_text())
