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
        "schema --space > archcompiler.space.schema.json",
        "schema --study > archcompiler.study.schema.json",
    ],
)
@click.option("--recipe", is_flag=True, help="That of recipes.")
@click.option("--space", is_flag=True, help="That of spaces.")
@click.option("--study", is_flag=True, help="That of studies.")
def command(recipe: bool, space: bool, study: bool) -> None:
    """Print the JSON Schema of specs, with the unit types that are installed.

    Those of recipes, of spaces and of studies are others.
    """
    if recipe + space + study > 1:
        raise click.UsageError("--recipe, --space and --study are schemas of their own")
    if recipe:
        from archcompiler.runner.recipe.schema import recipe_schema_text

        terminal.page(recipe_schema_text())
        return
    if space:
        from archcompiler.search.schema import space_schema_text

        terminal.page(space_schema_text())
        return
    if study:
        from archcompiler.study.schema import study_schema_text

        terminal.page(study_schema_text())
        return
    from archcompiler.spec.schema import schema_text

    terminal.page(schema_text())
