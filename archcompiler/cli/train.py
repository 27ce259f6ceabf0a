from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archcompiler import terminal
from archcompiler.cli import completing
from archcompiler.cli.command import Command
from archcompiler.cli.ending import ended_by
from archcompiler.cli.options import (
    RunPath,
    SpecPath,
    UserPath,
    choice,
    grace_option,
    require_said_once,
    root_option,
)
from archcompiler.cli.report import report
from archcompiler.diagnostics import CompileError, Diagnostic, Source, error
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.system.place import ALONE, Place, launch_name, read_place, restarts
from archcompiler.runner.system.signals import EXIT_STOPPED, at_once

if TYPE_CHECKING:
    from archcompiler.cli.compiling import SpecArgument
    from archcompiler.compiler import CompiledNetwork
    from archcompiler.runner.recipe.layout import Layout
    from archcompiler.runner.recipe.loading import LoadedRecipe
    from archcompiler.runner.store.folder import RunFolder

_EPILOG = """
\b
Your images:   archcompiler train SPEC --data FOLDER
One GPU:       archcompiler train SPEC --recipe RECIPE
Eight GPUs:    archcompiler train SPEC --recipe RECIPE --processes 8
Slurm:         srun --ntasks-per-node 8
                 archcompiler train SPEC --recipe RECIPE
Two machines:  torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d
                 --rdzv-endpoint HOST:29500
                 -m archcompiler.runner SPEC --recipe RECIPE
               (eight GPUs each; on both, with --out on storage they share)

\b
Exit codes: 0 trained, 1 the run failed, 2 bad usage, spec, recipe or data,
75 stopped by SIGTERM or SIGINT after writing a checkpoint (1 by torchrun).
"""


@click.command(
    "train",
    cls=Command,
    groups={
        "Spec and recipe": ("recipe", "data", "epochs", "settings", "root"),
        "Run": ("out", "resume", "tensorboard", "grace", "quiet"),
        "Processes": ("processes", "strategy"),
    },
    examples=[
        "train attention56_cifar --recipe smoke --out runs/smoke",
        "train attention56_cifar --data photos --epochs 50",
        "train --resume runs/smoke",
    ],
    epilog=_EPILOG,
)
@click.argument("spec", metavar="SPEC", required=False, type=SpecPath())
@click.option(
    "--recipe",
    metavar="NAME|PATH",
    shell_complete=completing.recipes,
    help="How to train: smoke, fashion_mnist, cifar_paper, cifar_modern, imagenet_paper, "
    "imagenet_modern, photographs, or the path of a TOML file.",
)
@click.option(
    "--data",
    type=UserPath(),
    metavar="FOLDER",
    help="Your images, with one folder for each class in it, or in train/ and val/ or test/: "
    "trained on in place of the data of the recipe, by default `photographs`.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 1_000_000_000),
    metavar="N",
    help="How often each training image is taken, whatever the recipe says.",
)
@click.option(
    "--out",
    type=RunPath(file_okay=False),
    metavar="DIR",
    help="Folder of the run; by default runs/SPEC-RECIPE.",
)
@click.option(
    "--init",
    type=RunPath(),
    metavar="RUN|FILE|LAYOUT:FILE",
    help="Begin with the weights of a run, a checkpoint, a saved state_dict or safetensors; as "
    "torchvision:FILE or timm:FILE, one whose names are theirs. A classifier for another number of "
    "classes is left out.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the newest checkpoint in the folder, if there is one: the folder is --out, "
    "or stands for SPEC. Without SPEC and --recipe those of the folder are taken.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completing.settings,
    help="Change a value of the recipe, e.g. optimizer.lr=0.05, or of the spec, e.g. classes=100.",
)
@root_option
@click.option(
    "--processes",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Train in so many processes on this machine, with a GPU each.",
)
@click.option(
    "--strategy",
    type=choice(Strategy),
    default="ddp",
    show_default=True,
    help="With several processes: a whole network in each, or shards.",
)
@click.option("--tensorboard", is_flag=True, help="Write events for TensorBoard too.")
@grace_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but problems.")
@click.pass_context
@at_once()
def command(
    context: click.Context,
    spec: SpecArgument | None,
    recipe: str | None,
    data: Path | None,
    epochs: int | None,
    out: Path | None,
    init: Path | None,
    resume: bool,
    settings: tuple[str, ...],
    root: Path | None,
    processes: int | None,
    strategy: Strategy,
    tensorboard: bool,
    grace: float,
    quiet: bool,
) -> None:
    """Train the network of SPEC and leave a folder with its weights, metrics and curves."""
    terminal.outlast()
    place = ALONE
    try:
        place = read_place()
        if processes is not None and place.size > 1:
            raise click.UsageError("--processes starts them itself: without torchrun or srun")
        if init is not None and resume:
            raise click.UsageError(
                "--init begins a run and --resume goes on with one, which needs no --init again"
            )
        if resume and out is None and isinstance(spec, Path) and spec.is_dir():
            out, spec = spec, None
        network, loaded = _load(spec, recipe, data, epochs, resume, out, settings, root)
        from archcompiler.runner.store.folder import RunFolder, default_folder

        folder = RunFolder(out or default_folder(network, loaded))
        if place.first:
            report(network.warnings)
        resume = resume or _started_again(folder, place)
        folder.require(resume=resume, network=network, init=init is not None)
        if processes is not None and processes > 1:
            from archcompiler.runner.system.launch import launch

            given = spec.text.encode() if isinstance(spec, Source) else None
            sys.exit(launch(_words(context), processes, grace=grace, given=given))
        # Only now: a mistake in a recipe should not wait for torch to be imported.
        from archcompiler.runner.system.launch import follow
        from archcompiler.runner.training import Job, train

        follow()
        # A run that is resumed without SPEC is told by its folder, which has its recipe too.
        repeat = None
        if spec is not None and loaded.data is not None:
            repeat = _repeated(context, spec, loaded.data)
        job = Job(
            network, loaded, folder, resume, init, strategy, tensorboard, quiet, grace, repeat,
            report,
        )  # fmt: skip
        outcome = train(job)
    except click.ClickException:
        raise
    except Exception as exc:
        ended_by(exc, place)
    if not outcome.finished:
        sys.exit(EXIT_STOPPED)


OWN_DATA = "photographs"
"""The recipe for a folder of images where none is named."""


def _load(
    spec: SpecArgument | None,
    recipe: str | None,
    data: Path | None,
    epochs: int | None,
    resume: bool,
    out: Path | None,
    settings: tuple[str, ...],
    root: Path | None,
) -> tuple[CompiledNetwork, LoadedRecipe]:
    """The network and the recipe, from a folder to resume where they are not named."""
    from archcompiler.cli.compiling import compile_one, recipe_wanted
    from archcompiler.config.files import Files
    from archcompiler.runner.recipe.layout import find_layout
    from archcompiler.runner.recipe.loading import load_recipe, split_settings
    from archcompiler.runner.store.record import with_data_found

    folder = out if resume else None
    if folder is not None and (folder / "spec.toml").is_file():
        spec = spec or folder / "spec.toml"
        chosen: str | Path | None = recipe or folder / "recipe.toml"
    else:
        chosen = recipe or (OWN_DATA if data is not None else None)
    if spec is None and folder is not None:
        raise CompileError(_no_run(folder))
    if spec is None:
        raise click.UsageError("missing SPEC; only --resume with a run folder does without")
    if chosen is None and resume and isinstance(spec, Path) and _is_no_spec(spec):
        raise CompileError(_no_run(spec))
    if chosen is None:
        raise click.UsageError(
            "missing --recipe, for example `--recipe smoke`, or --data with a folder of images"
        )
    of_spec, of_recipe = split_settings(settings)
    layout = None if data is None else find_layout(data)
    if layout is not None:
        # First: what is said about them counts more than what is found.
        of_spec = [f"classes={len(layout.classes)}", *of_spec]
    if epochs is not None:
        require_said_once(f"--epochs {epochs}", of_recipe, "epochs", "iterations")
        of_recipe = [f"epochs={epochs}", *of_recipe]
    problems: list[CompileError] = []
    try:
        network = compile_one(spec, of_spec, Files(root))
    except CompileError as exc:
        problems.append(exc)
    try:
        with recipe_wanted(Path(chosen)):
            loaded = load_recipe(chosen, of_recipe, data=layout)
        if folder is not None and chosen == folder / "recipe.toml":
            loaded = with_data_found(loaded, folder / "run.json")
    except CompileError as exc:
        problems.append(exc)
    if problems:
        raise CompileError(*(d for problem in problems for d in problem.diagnostics))
    return network, loaded


def _is_no_spec(spec: Path) -> bool:
    """Whether what is to be resumed was probably meant as a run folder."""
    from archcompiler import shipped

    return not spec.suffix and not spec.exists() and str(spec) not in shipped.specs()


def _no_run(folder: Path) -> Diagnostic:
    return error(
        "E705",
        f"`{folder}` is no run folder",
        notes=(f"there is no `{folder / 'spec.toml'}`",),
        help="name a folder that `train` has left, or a SPEC with a --recipe to begin with",
    )


def _started_again(folder: RunFolder, place: Place) -> bool:
    """Whether torchrun has restarted this run, which then goes on.

    The first process can tell; if it is another run, that ends the others too.
    """
    return restarts() > 0 and (
        not place.first or not folder.started or folder.started_by(launch_name())
    )


def _repeated(context: click.Context, spec: SpecArgument, data: Layout) -> str:
    """The command of the same run by the recipe that is printed, which says nothing of the spec."""
    import shlex

    from archcompiler.cli.compiling import shown
    from archcompiler.runner.recipe.loading import split_settings
    from archcompiler.runner.recipe.settling import PRINTED

    said = context.params
    of_spec, _ = split_settings(said["settings"])
    words = ["archcompiler", "train", shown(spec), "--recipe", PRINTED]
    for setting in (f"classes={len(data.classes)}", *of_spec):
        words += ["--set", setting]
    for option in ("root", "init"):
        if said[option] is not None:
            words += [f"--{option}", str(said[option])]
    return shlex.join(words)


def _words(context: click.Context) -> list[str]:
    """The command line of one of several processes."""
    from archcompiler.cli.compiling import shown

    options: list[str] = []
    arguments: list[str] = []
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if isinstance(parameter, click.Argument):
            arguments += [] if value is None else [shown(value)]
        elif value is True:
            options.append(parameter.opts[0])
        elif parameter.name != "processes" and value not in (None, False):
            for one in value if isinstance(value, tuple) else (value,):
                options += [parameter.opts[0], str(one)]
    return [*options, "--", *arguments]
