from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from archcompiler import terminal
from archcompiler.cli.command import SPEC, Command
from archcompiler.cli.compiling import SpecArgument, compile_all, conclude, shown
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import (
    Percent,
    backend_option,
    diagnostic_format_option,
    root_option,
    set_option,
    specs_argument,
    watch_option,
)
from archcompiler.cli.watching import perform
from archcompiler.compiler import CompiledNetwork
from archcompiler.config.files import Files
from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.diagnostics.render import ReportFormat

FOLDER = Path("generated")


@click.command(
    "build",
    cls=Command,
    groups={
        **SPEC,
        "Output": (
            *("output", "backend", "memory", "deploy", "force", "check", "diagnostic_format"),
        ),
    },
    examples=[
        "build attention452",
        "build my.toml --set classes=100 -o models/net.py",
        "build --check my.toml",
        "build --memory 40% my.toml",
        "build --deploy my.toml",
        "build --backend jax my.toml",
    ],
)
@specs_argument
@click.option(
    "-o",
    "--output",
    type=DestinationPath([".py"], folders=True, stream=True),
    default=FOLDER,
    show_default=True,
    metavar="DIR|FILE|-",
    help="Folder of the emitted files; one ending in .py is the file, - the standard output.",
)
@set_option
@root_option
@backend_option
@click.option(
    "--memory",
    type=Percent(),
    metavar="SHARE",
    help="Keep this share of what autograd keeps for the backward pass, as 40%, and make the rest "
    "again with the least work.",
)
@click.option(
    "--deploy",
    is_flag=True,
    help="The file for inference, <name>_deploy.py: batch norms are folded into the layers before "
    "them, nothing is left of training, and load_trained takes trained weights.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 with a diff if a file is stale.")
@click.option("--force", is_flag=True, help="Overwrite files that another has written.")
@watch_option
@diagnostic_format_option
def command(
    specs: tuple[SpecArgument, ...],
    output: Destination,
    settings: tuple[str, ...],
    root: Path | None,
    backend: str,
    memory: float | None,
    deploy: bool,
    check: bool,
    force: bool,
    watch: bool,
    diagnostic_format: ReportFormat,
) -> None:
    """Compile each SPEC to DIR/<name>.py, a module that imports torch alone.

    For JAX it is DIR/<name>_jax.py, which imports jax and flax.
    """
    if len(specs) > 1 and not output.is_folder:
        raise click.UsageError(f"-o {output} is one file, but there are {len(specs)} specs")
    if output.is_stream and (check or diagnostic_format != "text"):
        raise click.UsageError("-o - writes the module, and nothing else, to the standard output")

    if backend != "torch" and (deploy or memory is not None):
        what = "--deploy" if deploy else "--memory"
        raise click.UsageError(f"{what} is for PyTorch alone, and --backend is {backend}")
    if deploy and memory is not None:
        raise click.UsageError("--deploy has no backward pass, for which --memory is")

    def run(files: Files) -> None:
        networks = compile_all(specs, settings, files, diagnostic_format)
        _require_distinct(networks)
        networks = [network.for_backend(backend) for network in networks]
        if memory is not None:
            networks = [_recomputing(network, memory) for network in networks]
        if deploy:
            networks = [network.deployed for network in networks]
        if output.is_stream:
            terminal.raw(networks[0].source)
        elif check:
            _check(networks, specs, output, settings, diagnostic_format)
        else:
            _write(networks, output, force, diagnostic_format)

    perform(run, root, watch, diagnostic_format)


def _recomputing(network: CompiledNetwork, share: float) -> CompiledNetwork:
    from archcompiler.analysis.budget import least_share
    from archcompiler.analysis.planner import TooLittle

    try:
        return network.recomputing(share)
    except TooLittle as exc:
        raise click.UsageError(
            f"--memory {100 * share:g}% is too little for {network.name}, which keeps at least "
            f"{least_share(network.graph, exc):.1%}"
        ) from None


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


def _targets(
    networks: Sequence[CompiledNetwork], output: Destination
) -> Iterator[tuple[CompiledNetwork, Path]]:
    """Where each network goes; one that several specs describe goes there once."""
    seen = set()
    for network in networks:
        path = network.path(output.path) if output.is_folder else output.path
        if path not in seen:
            yield network, path
        seen.add(path)


def _write(
    networks: Sequence[CompiledNetwork], output: Destination, force: bool, format: ReportFormat
) -> None:
    from archcompiler.emit.writer import write_emitted

    told: list[dict[str, Any]] = []
    targets = [(*target, target[0].source) for target in _targets(networks, output)]
    for network, path, source in targets:
        what = write_emitted(path, source, force=force)
        lines = source.count("\n")
        norms = network.batch_norms
        told.append({"file": path.as_posix(), "written": what.value, "lines": lines})
        if norms is not None:
            told[-1]["batch_norms"] = {"folded": norms.folded, "affine": norms.affine}
        if format == "text":
            more = "" if norms is None else f", {norms}"
            terminal.line(f"{path}  {what}, {lines} lines{more}")
    conclude([network for network, _, _ in targets], format, told)


def _check(
    networks: Sequence[CompiledNetwork],
    specs: Sequence[SpecArgument],
    output: Destination,
    settings: Sequence[str],
    format: ReportFormat,
) -> None:
    from archcompiler.emit.writer import difference, obstacle

    stale, told = [], []
    kept: list[Diagnostic] = []
    names = {id(network): spec for network, spec in zip(networks, specs, strict=True)}
    targets = list(_targets(networks, output))
    for network, path in targets:
        diff = difference(path, network.source)
        told.append({"file": path.as_posix(), "stale": bool(diff)})
        if diff:
            stale.append(shown(names[id(network)]))
            if format == "text":
                terminal.page(diff)
            kept += filter(None, [obstacle(path, network.source)])
    conclude([network for network, _ in targets], format, told)
    if not stale:
        return
    words = ["archcompiler", "build", *stale]
    if output.path != FOLDER:
        words += ["-o", str(output)]
    for setting in settings:
        words += ["--set", setting]
    words += targets[0][0].options
    # A plain build would refuse.
    words += ["--force"] * bool(kept)
    for refused in kept:
        terminal.line(f"{refused.message}: {refused.help}", err=True)
    file = f"`{targets[0][1].as_posix()}` is"
    count = f"{len(stale)} of {len(targets)} files are" if len(targets) > 1 else file
    terminal.line(f"{count} out of date; rebuild with: {shlex.join(words)}", err=True)
    sys.exit(1)
