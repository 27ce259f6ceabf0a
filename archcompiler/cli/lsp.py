from __future__ import annotations

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
    make_server().start_io()
