"""The command line: a group that imports a command only when it is run."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Final

import click

from archcompiler import __version__
from archcompiler.diagnostics import CompileError

COMMANDS: Final = {
    "build": "Compile specs to standalone PyTorch files.",
    "check": "Check specs as graphs, without importing a framework.",
    "diagram": "Draw architecture figures for a paper and for a browser.",
    "eval": "Evaluate a trained network.",
    "explain": "Explain the code of a diagnostic.",
    "flops": "Count parameters, MACs, activations and memory; compare and verify.",
    "masks": "Draw the attention masks of a trained network over images.",
    "schema": "Print the JSON Schema of specs, for editors.",
    "show": "Print a resolved spec and where each value comes from.",
    "train": "Train a network by a recipe, in one process or many.",
    "verify": "Prove that emitted modules are the checked graphs.",
}
"""Every command with its line in `--help`; each lives in the module of its name."""


class LazyGroup(click.Group):
    """Lists its commands from `COMMANDS` and imports one to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"archcompiler.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from archcompiler.diagnostics.suggest import did_you_mean

            guess = did_you_mean(args[0], COMMANDS)
            hint = f" Did you mean `{guess}`?" if guess else ""
            ctx.fail(f"no such command `{args[0]}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="archcompiler")
def group() -> None:
    """Compile a short spec of a Residual Attention Network.

    Exit codes: 0 fine, 1 a check says no, 2 bad usage or a bad spec.
    """


def main(*before: str) -> None:
    """Run the command line; errors of specs go to stderr, never as a traceback.

    `before` stands before the arguments: the name of a command that has a program of its own.
    """
    # A compilation allocates much and frees little: collecting less often saves a tenth of it.
    gc.set_threshold(100_000, 20, 20)
    # No plugin has a part in our models, and looking for one opens every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        group([*before, *sys.argv[1:]], prog_name="archcompiler")
    except CompileError as error:
        from archcompiler.cli.report import report

        report(error.diagnostics)
        sys.exit(2)
    except BrokenPipeError:
        # The reader has gone. Python would complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        # The process ends: looking for cycles among all that was imported would take a quarter of
        # a build.
        gc.disable()
        gc.freeze()
