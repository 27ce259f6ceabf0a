"""Compiling the specs of one command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from archcompiler.cli.report import report
from archcompiler.compiler import CompiledNetwork, compile
from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.diagnostics.render import ReportFormat


def compile_all(
    specs: Sequence[Path],
    settings: Sequence[str],
    root: Path | None,
    format: ReportFormat = "text",
    before: Sequence[Diagnostic] = (),
) -> list[CompiledNetwork]:
    """Compile every spec, report what was found in any, and exit with 2 if one is in error.

    Errors that were found `before` in other files count as well. In JSON an empty list says that
    nothing was found.
    """
    networks: list[CompiledNetwork] = []
    found: list[Diagnostic] = [*before]
    failed = bool(before)
    for spec in specs:
        try:
            network = compile(spec, settings, root=root)
        except CompileError as error:
            failed = True
            found += error.diagnostics
        else:
            networks.append(network)
            found += network.warnings
    # A base that several specs extend is wrong once.
    report(dict.fromkeys(found), format)
    if failed:
        sys.exit(2)
    return networks
