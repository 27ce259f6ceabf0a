from __future__ import annotations

import click

from archcompiler import terminal
from archcompiler.cli import completing
from archcompiler.cli.command import Command
from archcompiler.diagnostics.codes import all_codes, explanation
from archcompiler.diagnostics.suggest import did_you_mean


@click.command("explain", cls=Command, examples=["explain E306"])
@click.argument("code", required=False, shell_complete=completing.codes)
def command(code: str | None) -> None:
    """Explain a diagnostic such as E201; without CODE, list all of them."""
    if code is None:
        for known in all_codes():
            terminal.line((explanation(known) or known).splitlines()[0].lstrip("# "))
        return
    text = explanation(code.upper())
    if text is None:
        guess = did_you_mean(code.upper(), all_codes())
        hint = f" Did you mean {guess}?" if guess else ""
        raise click.UsageError(f"no such code `{code}`.{hint}")
    terminal.page(text.rstrip() + "\n")
