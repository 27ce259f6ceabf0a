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


@click.command(
    "verify", cls=Command, groups=SPEC, examples=["verify my.toml", "verify --deploy my.toml"]
)
@specs_argument
@set_option
@root_option
@click.option("--deploy", is_flag=True, help="Prove the file of `build --deploy` in its place.")
@diagnostic_format_option
def command(
    specs: tuple[SpecArgument, ...],
    settings: tuple[str, ...],
    root: Path | None,
    deploy: bool,
    diagnostic_format: ReportFormat,
) -> None:
    """Trace the module emitted for each SPEC and prove that it is the checked graph.

    Its operations are counted by fvcore and by torch, and must be the graph's. A file for inference
    must give the logits of the one that is trained, too.
    """
    networks = compile_all(specs, settings, Files(root), diagnostic_format)

    if deploy:
        networks = [network.deployed for network in networks]
    from archcompiler.verify import verify
    from archcompiler.verify.counts import verify_counts
    from archcompiler.verify.inference import compare

    told = []
    for network in networks:
        proof = verify(network)
        # What is not the graph need not even run.
        counts = verify_counts(network) if proof.holds else None
        counted = counts is not None and counts.verified
        same = compare(network) if deploy and proof.holds else None
        told.append({"proved": proof.holds, "counted": counted})
        if deploy:
            told[-1]["same"] = same is not None and same.holds
        if diagnostic_format != "json":
            terminal.page(f"{proof}\n")
            if counts is not None:
                terminal.page(f"{counts}\n")
            if same is not None:
                terminal.page(f"{same}\n")
    conclude(networks, diagnostic_format, told)
    if not all(all(own.values()) for own in told):
        sys.exit(1)
