from __future__ import annotations

import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archcompiler.cli.options import choice
from archcompiler.cli.report import report
from archcompiler.diagnostics import CompileError
from archcompiler.runner.recipe.choices import Strategy

if TYPE_CHECKING:
    from archcompiler.compiler import CompiledNetwork
    from archcompiler.runner.recipe.loading import LoadedRecipe

_EPILOG = """
\b
One GPU:           archcompiler train SPEC --recipe RECIPE
Eight GPUs:        torchrun --nproc-per-node 8 -m archcompiler.runner SPEC --recipe RECIPE
Two such machines: torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d
                     --rdzv-endpoint HOST:29500 -m archcompiler.runner SPEC --recipe RECIPE
                   (on both, with --out on storage that they share)

\b
Exit codes: 0 trained, 1 the run failed, 2 bad usage, spec, recipe or data,
75 stopped by SIGTERM or SIGINT after writing a checkpoint.
"""


@click.command("train", epilog=_EPILOG)
@click.argument("spec", metavar="SPEC", required=False, type=click.Path(path_type=Path))
@click.option(
    "--recipe",
    metavar="NAME|PATH",
    help="How to train: smoke, fashion_mnist, cifar_paper, cifar_modern, imagenet_paper, "
    "imagenet_modern, or the path of a TOML file.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the run; by default runs/SPEC-RECIPE.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the newest checkpoint in the folder, if there is one. "
    "Without SPEC and --recipe those of the folder are taken.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a value of the recipe, e.g. optimizer.lr=0.05, or of the spec, e.g. classes=100.",
)
@click.option(
    "--strategy",
    type=choice(Strategy),
    default="ddp",
    show_default=True,
    help="With several processes: a whole network in each, or shards.",
)
@click.option("--tensorboard", is_flag=True, help="Write events for TensorBoard too.")
@click.option(
    "--grace",
    type=click.FloatRange(0, min_open=True),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest time from SIGTERM to the end, with a checkpoint if it can be written in it.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but problems.")
def command(
    spec: Path | None,
    recipe: str | None,
    out: Path | None,
    resume: bool,
    settings: tuple[str, ...],
    strategy: Strategy,
    tensorboard: bool,
    grace: float,
    quiet: bool,
) -> None:
    """Train the network of SPEC and leave a folder with its weights, metrics and curves."""
    rank = int(os.environ.get("RANK", "0"))
    first = rank == 0
    try:
        network, loaded = _load(spec, recipe, out if resume else None, settings)
        from archcompiler.runner.store.folder import RunFolder, default_folder

        folder = RunFolder(out or default_folder(network, loaded))
        if first:
            report(network.warnings)
        folder.require(resume=resume, network=network)
        # Only now: a mistake in a recipe should not wait for torch to be imported.
        from archcompiler.runner.system.signals import EXIT_STOPPED
        from archcompiler.runner.training import Job, train

        job = Job(network, loaded, folder, resume, strategy, tensorboard, quiet, grace, report)
        outcome = train(job)
    except CompileError as exc:
        codes = {d.code for d in exc.diagnostics}
        if first:
            report(exc.diagnostics)
        elif codes & OWN:
            report(replace(d, message=f"process {rank}: {d.message}") for d in exc.diagnostics)
        # After a fault of a peer the orderly end would wait for it.
        _leave(1 if codes & FAILURES else 2)
    except click.ClickException:
        raise
    except Exception:
        if not _several():
            raise
        traceback.print_exc()
        _leave(1)
    if not outcome.finished:
        sys.exit(EXIT_STOPPED)


FAILURES = frozenset({"E708", "E709", "E710", "E711", "E720"})
"""Codes of what goes wrong in a run that was asked for rightly."""
OWN = frozenset({"E704", "E706", "E707", "E709", "E711", "E720"})
"""Codes of what may go wrong in one process only. All others are reported by the first alone."""


def _load(
    spec: Path | None, recipe: str | None, folder: Path | None, settings: tuple[str, ...]
) -> tuple[CompiledNetwork, LoadedRecipe]:
    """The network and the recipe, from a folder to resume where they are not named."""
    from archcompiler.compiler import compile
    from archcompiler.runner.recipe.loading import load_recipe, split_settings

    if folder is not None and (folder / "spec.toml").is_file():
        spec = spec or folder / "spec.toml"
        chosen: str | Path | None = recipe or folder / "recipe.toml"
    else:
        chosen = recipe
    if spec is None:
        raise click.UsageError("missing SPEC; it may be left out only with --resume and --out")
    if chosen is None:
        raise click.UsageError("missing --recipe, for example `--recipe smoke`")
    of_spec, of_recipe = split_settings(settings)
    problems: list[CompileError] = []
    try:
        network = compile(spec, of_spec)
    except CompileError as exc:
        problems.append(exc)
    try:
        loaded = load_recipe(chosen, of_recipe)
    except CompileError as exc:
        problems.append(exc)
    if problems:
        raise CompileError(*(d for problem in problems for d in problem.diagnostics))
    return network, loaded


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if _several():
        os._exit(code)
    sys.exit(code)


def _several() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1
