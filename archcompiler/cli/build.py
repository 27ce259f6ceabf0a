from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.compiling import compile_all
from archcompiler.cli.options import (
    diagnostic_format_option,
    output_option,
    root_option,
    set_option,
    specs_argument,
)
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.diagnostics.render import ReportFormat


@click.command("build")
@specs_argument
@output_option
@set_option
@root_option
@click.option("--check", is_flag=True, help="Write nothing; exit 1 with a diff if a file is stale.")
@click.option("--force", is_flag=True, help="Overwrite files that were edited by hand.")
@diagnostic_format_option
def command(
    specs: tuple[Path, ...],
    directory: Path,
    settings: tuple[str, ...],
    root: Path | None,
    check: bool,
    force: bool,
    diagnostic_format: ReportFormat,
) -> None:
    """Compile each SPEC to DIR/<name>.py, a module that imports torch alone."""
    networks = compile_all(specs, settings, root, diagnostic_format)
    _require_distinct(networks)
    if check:
        _check(networks, specs, directory, settings)
        return

    from archcompiler.emit.writer import write_emitted

    quiet = diagnostic_format != "text"
    for network, source in [(network, network.source) for network in networks]:
        path = network.path(directory)
        what = write_emitted(path, source, force=force)
        if not quiet:
            terminal.line(f"{path}  {what}, {source.count(chr(10))} lines")


def _require_distinct(networks: Sequence[CompiledNetwork]) -> None:
    """Refuse (E404) two networks of one name, unless they are one network in TOML and JSON."""
    meanings: dict[str, set[str]] = {}
    for network in networks:
        meanings.setdefault(network.name, set()).add(network.loaded.sha256)
    for network in networks:
        count = len(meanings[network.name])
        if count > 1:
            raise CompileError(
                error(
                    "E404",
                    f"{count} specs of this command are named `{network.name}`",
                    network.loaded.span(("name",)),
                    notes=("each would overwrite the file of the other",),
                )
            )


def _check(
    networks: Sequence[CompiledNetwork],
    specs: Sequence[Path],
    directory: Path,
    settings: Sequence[str],
) -> None:
    from archcompiler.emit.writer import difference

    stale = []
    for network, spec in zip(networks, specs, strict=True):
        diff = difference(network.path(directory), network.source)
        if diff:
            stale.append(spec.as_posix())
            terminal.page(diff)
    if not stale:
        return
    words = ["archcompiler", "build", *stale]
    if directory != Path("generated"):
        words += ["-o", directory.as_posix()]
    for setting in settings:
        words += ["--set", setting]
    count = f"{len(stale)} of {len(networks)} files" if len(networks) > 1 else "the file"
    terminal.line(f"{count} out of date; rebuild with: {shlex.join(words)}", err=True)
    sys.exit(1)
