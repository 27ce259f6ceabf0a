from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import click

from archcompiler import terminal
from archcompiler.cli.command import SPEC, Command
from archcompiler.cli.compiling import SpecArgument, compile_all, conclude
from archcompiler.cli.options import (
    backend_option,
    diagnostic_format_option,
    root_option,
    set_option,
    specs_argument,
)
from archcompiler.compiler import CompiledNetwork
from archcompiler.config.files import Files
from archcompiler.diagnostics.render import ReportFormat


@click.command(
    "verify",
    cls=Command,
    groups=SPEC,
    examples=["verify my.toml", "verify --deploy my.toml", "verify --backend jax my.toml"],
)
@specs_argument
@set_option
@root_option
@backend_option
@click.option("--deploy", is_flag=True, help="Prove the file of `build --deploy` in its place.")
@diagnostic_format_option
def command(
    specs: tuple[SpecArgument, ...],
    settings: tuple[str, ...],
    root: Path | None,
    backend: str,
    deploy: bool,
    diagnostic_format: ReportFormat,
) -> None:
    """Trace the module emitted for each SPEC and prove that it is the checked graph.

    Its operations are counted by fvcore and by torch, and must be the graph's. A file for inference
    must give the logits of the one that is trained, too. A file for JAX must give what that for
    PyTorch does: logits in evaluation and in training, gradients and running statistics, in
    float64.
    """
    if deploy and backend != "torch":
        raise click.UsageError(f"--deploy is for PyTorch alone, and --backend is {backend}")
    networks = compile_all(specs, settings, Files(root), diagnostic_format)

    networks = [network.for_backend(backend) for network in networks]
    if deploy:
        networks = [network.deployed for network in networks]
    from archcompiler.verify import verify

    told = []
    for network in networks:
        proof = verify(network)
        told.append({"proved": proof.holds})
        if diagnostic_format != "json":
            terminal.page(f"{proof}\n")
        for name, check in _checks(network):
            # What is not the graph need not even run.
            found = check(network) if proof.holds else None
            told[-1][name] = found is not None and found.holds
            if found is not None and diagnostic_format != "json":
                terminal.page(f"{found}\n")
    conclude(networks, diagnostic_format, told)
    if not all(all(own.values()) for own in told):
        sys.exit(1)


class _Found(Protocol):
    """What a comparison showed, in words."""

    @property
    def holds(self) -> bool: ...


def _checks(network: CompiledNetwork) -> Iterator[tuple[str, Callable[[CompiledNetwork], _Found]]]:
    """What is compared once a module is the graph, by its name in JSON."""
    if network.backend == "jax":
        from archcompiler.verify.jax_numbers import compare as compare_numbers

        yield "same", compare_numbers
        return
    from archcompiler.verify.counts import verify_counts

    yield "counted", verify_counts
    if network.trained is not None:
        from archcompiler.verify.inference import compare

        yield "same", compare
