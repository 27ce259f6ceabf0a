from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from archcompiler import terminal
from archcompiler.cli.command import SPEC, Command
from archcompiler.cli.compiling import SpecArgument, compile_one
from archcompiler.cli.options import SpecPath, choice, root_option, set_option
from archcompiler.cli.report import report
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, Diagnostic, Source

DiffFormat = Literal["text", "json", "markdown"]


@click.command(
    "diff",
    cls=Command,
    groups={**SPEC, "Output": ("format", "exit_code")},
    examples=["diff attention56 attention92", "diff my.toml", "diff main:my.toml my.toml"],
)
@click.argument("specs", metavar="[REV:]OLD [[REV:]NEW]", nargs=-1, required=True, type=SpecPath())
@set_option
@root_option
@click.option("--format", type=choice(DiffFormat), default="text", show_default=True)
@click.option("--exit-code", is_flag=True, help="Exit 1 if the networks are not the same.")
def command(
    specs: tuple[SpecArgument, ...],
    settings: tuple[str, ...],
    root: Path | None,
    format: DiffFormat,
    exit_code: bool,
) -> None:
    """Say what is another in NEW: values, parameters, MACs, memory, keys of the state_dict.

    REV: is a revision of git, such as HEAD~1 or a branch. Of one spec, the file as it is now is
    compared with that of REV, by default HEAD.
    """
    from archcompiler.spec.revision import split_revision

    if len(specs) > 2:
        raise click.UsageError("compares two specs")
    if len(specs) == 1:
        (spec,) = specs
        if isinstance(spec, Source):
            raise click.UsageError("the standard input is in no revision: name another spec")
        parts = split_revision(spec)
        specs = (spec, parts[1]) if parts is not None else (Path(f"HEAD:{spec.as_posix()}"), spec)
    old, new = _compile(specs, settings, root)

    from archcompiler.changes.compare import compare
    from archcompiler.changes.report import as_markdown, as_text, record

    changes = compare(old, new)
    if format == "json":
        terminal.page(json.dumps(record(changes), indent=2) + "\n")
    elif format == "markdown":
        terminal.page(as_markdown(changes))
    else:
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        terminal.page(as_text(changes, color=color), styled=color)
    if exit_code and not changes.equal:
        sys.exit(1)


def _compile(
    specs: Sequence[SpecArgument], settings: Sequence[str], root: Path | None
) -> list[CompiledNetwork]:
    """Both networks. Raises CompileError with what is wrong with either."""
    from archcompiler.config.files import Files
    from archcompiler.spec.revision import Revision, split_revision

    networks: list[CompiledNetwork] = []
    wrong: list[Diagnostic] = []
    for spec in specs:
        try:
            parts = None if isinstance(spec, Source) else split_revision(spec)
            files = Files(root) if parts is None else Revision(parts[0], root)
            networks.append(compile_one(spec if parts is None else parts[1], settings, files))
        except CompileError as exc:
            wrong += exc.diagnostics
    if wrong:
        raise CompileError(*dict.fromkeys(wrong))
    report(dict.fromkeys(d for network in networks for d in network.warnings))
    return networks
