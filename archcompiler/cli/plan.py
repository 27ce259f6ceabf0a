from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal

import click

from archcompiler import terminal
from archcompiler.cli import completing
from archcompiler.cli.command import Command
from archcompiler.cli.compiling import SpecArgument, compile_one, recipe_wanted
from archcompiler.cli.options import SpecPath, choice, require_said_once, root_option
from archcompiler.cli.report import report
from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.recipe.choices import Strategy

PlanFormat = Literal["text", "json"]


@click.command(
    "plan",
    cls=Command,
    groups={
        "Spec and recipe": ("recipe", "batch", "images", "settings", "root"),
        "Machines": ("device", "processes", "strategy"),
    },
    examples=[
        "plan attention56 --recipe imagenet_modern --device h100 --gpus 8",
        "plan attention92 --batch 64 --device rtx-4090",
        "plan my.toml --recipe mine.toml --set speed.memory=40%",
    ],
    epilog="Exit codes: 0 it fits, or no accelerator was named, 1 it does not fit, 2 bad usage, "
    "spec or recipe, which a `speed.memory` is that no plan keeps to.",
)
@click.argument("spec", metavar="SPEC", type=SpecPath())
@click.option(
    "--recipe",
    metavar="NAME|PATH",
    default="photographs",
    show_default=True,
    shell_complete=completing.recipes,
    help="How it is to be trained.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 1_000_000_000),
    metavar="N",
    help="Images a step, whatever the recipe says.",
)
@click.option(
    "--images",
    type=click.IntRange(1, 1_000_000_000),
    metavar="N",
    help="Training images, where the recipe's data do not say how many they are.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completing.settings,
    help="Change a value of the recipe or of the spec.",
)
@root_option
@click.option(
    "--device",
    metavar="NAME",
    shell_complete=completing.accelerators,
    help="An accelerator, as h100; `archcompiler list accelerators` has all.",
)
@click.option(
    "--gpus",
    "processes",
    type=click.IntRange(1, 65_536),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes, with an accelerator each.",
)
@click.option(
    "--strategy",
    type=choice(Strategy),
    default="ddp",
    show_default=True,
    help="With several processes: a whole network in each, or shards.",
)
@click.option("--format", type=choice(PlanFormat), default="text", show_default=True)
def command(
    spec: SpecArgument,
    recipe: str,
    batch: int | None,
    images: int | None,
    settings: tuple[str, ...],
    root: Path | None,
    device: str | None,
    processes: int,
    strategy: Strategy,
    format: PlanFormat,
) -> None:
    """Say whether training SPEC fits into memory, what takes it, and how long it lasts at least."""
    from archcompiler.analysis.roofline import accelerator
    from archcompiler.config.files import Files
    from archcompiler.plan.alternatives import alternatives
    from archcompiler.plan.planning import TRAINING_IMAGES, Machines, make_plan
    from archcompiler.plan.report import as_text, record
    from archcompiler.runner.recipe.loading import load_recipe, split_settings

    of_spec, of_recipe = split_settings(settings)
    if batch is not None:
        require_said_once(f"--batch {batch}", of_recipe, "batch_size")
        of_recipe = [f"batch_size={batch}", *of_recipe]
    problems: list[Diagnostic] = []
    try:
        network = compile_one(spec, of_spec, Files(root))
    except CompileError as exc:
        problems += exc.diagnostics
    try:
        with recipe_wanted(Path(recipe)):
            loaded = load_recipe(recipe, of_recipe)
    except CompileError as exc:
        problems += exc.diagnostics
    try:
        machine = None if device is None else accelerator(device)
    except CompileError as exc:
        problems += exc.diagnostics
    if problems:
        raise CompileError(*problems)
    data = loaded.recipe.data.type
    if images is not None and data in TRAINING_IMAGES:
        raise click.UsageError(f"--images {images}: {data} has {TRAINING_IMAGES[data]:,}, always")
    report(network.warnings)
    machines = Machines(processes, strategy, machine)
    plan = make_plan(network, loaded, machines, images=images)
    others = alternatives(network, loaded, machines, plan, images=images)
    if format == "json":
        terminal.page(json.dumps(record(plan, others), indent=2) + "\n")
    else:
        terminal.page(as_text(plan, others))
    if not plan.fits:
        sys.exit(1)
