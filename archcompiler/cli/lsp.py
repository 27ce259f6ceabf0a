from __future__ import annotations

import os
import sys

import click

from archcompiler.cli.command import Command
from archcompiler.diagnostics import CompileError, error


@click.command("lsp", cls=Command, examples=["lsp"])
def command() -> None:
    """Serve an editor that speaks the Language Server Protocol, on standard input and output."""
    try:
        from archcompiler.lsp.server import make_server
    except ImportError as missing:
        raise CompileError(
            error(
                "E410",
                f"no language server: {missing.name} cannot be imported",
                help="pip install 'archcompiler[lsp]'",
            )
        ) from None
    # The server closes the streams that it is given; these stay ours.
    streams = (os.dup(sys.stdin.fileno()), os.dup(sys.stdout.fileno()))
    make_server().start_io(os.fdopen(streams[0], "rb"), os.fdopen(streams[1], "wb"))
