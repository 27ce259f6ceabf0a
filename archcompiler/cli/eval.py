from __future__ import annotations

import sys
from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.command import Command
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import RunPath, choice, crops_option, recipe_set_option, size_option
from archcompiler.cli.report import report
from archcompiler.runner.recipe.choices import Crops, Device, Split


@click.command(
    "eval",
    cls=Command,
    groups={"Images": ("crops", "size", "split", "images", "settings")},
    examples=["eval runs/smoke --crops 10"],
)
@click.argument("run", metavar="RUN|CHECKPOINT", type=RunPath())
@crops_option
@size_option
@click.option(
    "--split",
    type=choice(Split),
    default="test",
    show_default=True,
    help="Which images: validation is what the run chose its best weights by.",
)
@click.option("--images", type=click.IntRange(1), help="At most so many images.")
@recipe_set_option
@click.option(
    "-o",
    "--output",
    type=DestinationPath(folders=True),
    metavar="DIR",
    help="Folder of eval.json and confusion.png; by default the run folder.",
)
@click.option("--device", type=choice(Device), default="auto")
def command(
    run: Path,
    crops: Crops,
    size: tuple[int, int] | None,
    split: Split,
    images: int | None,
    settings: tuple[str, ...],
    output: Destination | None,
    device: Device,
) -> None:
    """Evaluate the best weights of RUN, or those of CHECKPOINT, on images of its recipe.

    Writes eval.json and confusion.png into the run folder, or into DIR.
    """
    from archcompiler.runner.classes import unnamed
    from archcompiler.runner.evaluation import evaluate_trained
    from archcompiler.runner.store.trained import load_portable

    trained = load_portable(run, device, settings)
    if trained.classes is None:
        report([unnamed(f"`{trained.checkpoint}`")])
    found = evaluate_trained(
        trained,
        crops=int(crops),
        size=size,
        limit=images,
        split=split,
        output=None if output is None else output.path,
        settings=settings,
    )
    report(found.warnings)
    score = found.score
    # Any answer is among the first five of five.
    five = f"top-5 {score.top5:.2%}, " if trained.compiled.spec.classes > 5 else ""
    terminal.line(
        f"{trained.checkpoint}, iteration {trained.iteration}: "
        f"{score.images:,} {split} {'image' if score.images == 1 else 'images'}, "
        f"top-1 {score.top1:.2%}, {five}loss {score.loss:.4f}"
    )
    if split == trained.chosen_on == "test":
        terminal.line("the run has chosen its best weights by these images")
    if found.problem is not None:
        report(found.problem.diagnostics)
        sys.exit(2)
    terminal.line(found.report)
    terminal.line(found.picture)
