from __future__ import annotations

import os
import sys

import click

from archcompiler.cli.command import Command


@click.command("lsp", cls=Command, examples=["lsp"])
def command() -> None:
    """Serve an editor that speaks the Language Server Protocol, on standard input and output."""
    from archcompiler.lsp.server import make_server

    if sys.stdin is None:
        raise click.UsageError("the standard input, by which an editor speaks, is closed")
    # The server closes the streams that it is given; these stay ours.
    streams = (os.dup(sys.stdin.fileno()), os.dup(sys.stdout.fileno()))
    make_server().start_io(os.fdopen(streams[0], "rb"), os.fdopen(streams[1], "wb"))
