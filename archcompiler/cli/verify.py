from __future__ import annotations

import sys
from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.compiling import compile_all
from archcompiler.cli.options import (
    diagnostic_format_option,
    root_option,
    set_option,
    specs_argument,
)
from archcompiler.diagnostics.render import ReportFormat


@click.command("verify")
@specs_argument
@set_option
@root_option
@diagnostic_format_option
def command(
    specs: tuple[Path, ...],
    settings: tuple[str, ...],
    root: Path | None,
    diagnostic_format: ReportFormat,
) -> None:
    """Trace the module emitted for each SPEC and prove that it is the checked graph.

    Its operations are counted by fvcore and by torch, and must be the graph's.
    """
    networks = compile_all(specs, settings, root, diagnostic_format)

    from archcompiler.verify import verify
    from archcompiler.verify.counts import verify_counts

    failed = False
    for network in networks:
        proof = verify(network)
        terminal.page(f"{proof}\n")
        if not proof.holds:
            # What is not the graph need not even run.
            failed = True
            continue
        counts = verify_counts(network)
        terminal.page(f"{counts}\n")
        failed |= not counts.verified
    if failed:
        sys.exit(1)
