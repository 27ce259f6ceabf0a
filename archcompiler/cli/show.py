from __future__ import annotations

from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.options import root_option, set_option, spec_argument


@click.command("show")
@spec_argument
@set_option
@root_option
def command(spec: Path, settings: tuple[str, ...], root: Path | None) -> None:
    """Print SPEC as it is compiled: every value, and the file and line that it comes from."""
    from archcompiler.config.files import Files
    from archcompiler.spec.loader import load
    from archcompiler.spec.show import show

    terminal.page(show(load(spec, settings, files=Files(root))))
