from __future__ import annotations

import sys
from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.command import SPEC, Command
from archcompiler.cli.compiling import SpecArgument, compile_all, conclude
from archcompiler.cli.options import (
    diagnostic_format_option,
    root_option,
    set_option,
    specs_argument,
)
from archcompiler.config.files import Files
from archcompiler.diagnostics.render import ReportFormat


@click.command("verify", cls=Command, groups=SPEC, examples=["verify my.toml"])
@specs_argument
@set_option
@root_option
@diagnostic_format_option
def command(
    specs: tuple[SpecArgument, ...],
    settings: tuple[str, ...],
    root: Path | None,
    diagnostic_format: ReportFormat,
) -> None:
    """Trace the module emitted for each SPEC and prove that it is the checked graph.

    Its operations are counted by fvcore and by torch, and must be the graph's.
    """
    networks = compile_all(specs, settings, Files(root), diagnostic_format)

    from archcompiler.verify import verify
    from archcompiler.verify.counts import verify_counts

    told = []
    for network in networks:
        proof = verify(network)
        # What is not the graph need not even run.
        counts = verify_counts(network) if proof.holds else None
        counted = counts is not None and counts.verified
        told.append({"proved": proof.holds, "counted": counted})
        if diagnostic_format != "json":
            terminal.page(f"{proof}\n")
            if counts is not None:
                terminal.page(f"{counts}\n")
    conclude(networks, diagnostic_format, told)
    if not all(own["proved"] and own["counted"] for own in told):
        sys.exit(1)
