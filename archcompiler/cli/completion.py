from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from archcompiler import terminal
from archcompiler.cli.command import Command
from archcompiler.cli.completing import SHELLS, VARIABLE


@click.command(
    "completion", cls=Command, examples=["completion bash > ~/.bash_completion.d/archcompiler"]
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes commands, specs, recipes, codes and settings."""
    shell_class = get_completion_class(shell)
    assert shell_class is not None
    group = context.find_root().command
    terminal.page(shell_class(group, {}, "archcompiler", VARIABLE).source() + "\n")
