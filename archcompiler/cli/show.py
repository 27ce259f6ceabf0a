from __future__ import annotations

from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.command import SPEC, Command
from archcompiler.cli.compiling import SpecArgument, file_kind
from archcompiler.cli.options import root_option, set_option, spec_argument


@click.command(
    "show",
    cls=Command,
    groups=SPEC,
    examples=["show attention92", "show my.toml --set stages.1.modules=4"],
)
@spec_argument
@set_option
@root_option
def command(spec: SpecArgument, settings: tuple[str, ...], root: Path | None) -> None:
    """Print SPEC as it is compiled: every value, and the file and line that it comes from.

    A recipe is printed as it is before it knows its images, a space and a study with what they have
    by default.
    """
    from archcompiler.config.files import Files
    from archcompiler.runner.recipe.loading import load_recipe
    from archcompiler.runner.recipe.showing import show_recipe
    from archcompiler.search.loading import load_space
    from archcompiler.search.show import show_space
    from archcompiler.spec.loader import load
    from archcompiler.spec.show import show
    from archcompiler.study.loading import load_study
    from archcompiler.study.show import show_study

    files, kind = Files(root), file_kind(spec)
    if kind == "recipe":
        terminal.page(show_recipe(load_recipe(spec, settings, files=files)))
    elif kind == "space":
        terminal.page(show_space(load_space(spec, files)))
    elif kind == "study":
        terminal.page(show_study(load_study(spec, settings, files)))
    else:
        terminal.page(show(load(spec, settings, files=files)))
