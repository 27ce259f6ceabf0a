"""The command line in the process of the tests: what it prints, and its exit code.

What only a process of its own has, `tests/unit/cli/test_streams.py` tries with each command.
"""

from __future__ import annotations

import gc
import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import click

from archcompiler.cli import program


@dataclass(frozen=True)
class Printed:
    stdout: str
    stderr: str


def run(*arguments: str, code: int = 0) -> Printed:
    """`archcompiler ARGUMENTS`, which must exit with `code`."""
    out, err = io.StringIO(), io.StringIO()
    thresholds = gc.get_threshold()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            ended = program.run([*arguments])
    finally:
        # A command stops the collection of cycles, as its process is to end.
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        gc.enable()
    printed = Printed(out.getvalue(), err.getvalue())
    assert ended == code, printed.stdout + printed.stderr
    return printed


def parsed(*arguments: str) -> click.Context:
    """What a command reads in its words, without being run.

    Always within the program: click keeps the names of `--help` that a command has in the first
    context it is parsed in.
    """
    with program.group.make_context("archcompiler", [], resilient_parsing=True) as parent:
        command = program.group.get_command(parent, arguments[0])
        assert command is not None
        return command.make_context(arguments[0], [*arguments[1:]], parent=parent)
