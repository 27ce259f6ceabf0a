from __future__ import annotations

from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.command import Command
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import (
    RunPath,
    UserPath,
    choice,
    crops_option,
    on_error_option,
    recipe_set_option,
    size_option,
)
from archcompiler.cli.report import report
from archcompiler.cli.writing import format_of, write_output
from archcompiler.runner.recipe.choices import Crops, Device, OnError, PredictionFormat

SUFFIXES: dict[str, PredictionFormat] = {".txt": "text", ".csv": "csv", ".json": "json"}
"""What a file is written as unless `--format` says otherwise."""


@click.command(
    "predict", cls=Command, examples=["predict runs/smoke photo.png photos -o classes.csv"]
)
@click.argument("run", metavar="RUN|CHECKPOINT", type=RunPath())
@click.argument("images", metavar="IMAGE|FOLDER...", nargs=-1, required=True, type=UserPath())
@click.option(
    "--top",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="K",
    help="How many classes of each image, the likeliest first.",
)
@crops_option
@size_option
@on_error_option
@recipe_set_option
@click.option(
    "--format",
    "format",
    type=choice(PredictionFormat),
    help="As what to print; by default text, or what the file of -o is named after.",
)
@click.option(
    "-o",
    "--output",
    type=DestinationPath(stream=True),
    metavar="FILE|-",
    help="Write a file: out.csv; - is the standard output.",
)
@click.option("--device", type=choice(Device), default="auto")
def command(
    run: Path,
    images: tuple[Path, ...],
    top: int,
    crops: Crops,
    size: tuple[int, int] | None,
    on_error: OnError | None,
    settings: tuple[str, ...],
    format: PredictionFormat | None,
    output: Destination | None,
    device: Device,
) -> None:
    """Say which classes a trained network sees in each IMAGE, and in all images of each FOLDER.

    They come before the network as the test images do in `eval`.
    """
    if format is None:
        format = "text" if output is None or output.is_stream else format_of(output.path, SUFFIXES)
    from archcompiler.runner.classes import unnamed
    from archcompiler.runner.prediction import predict
    from archcompiler.runner.report.predictions import csv_of, json_of, text_of
    from archcompiler.runner.store.trained import EXACT, load_portable

    trained = load_portable(run, device, (*EXACT, *settings))
    found = predict(
        trained,
        images,
        top=top,
        crops=int(crops),
        size=size,
        on_error=on_error,
    )
    report(found.warnings)
    if trained.classes is None:
        report([unnamed(f"`{trained.checkpoint}`", "they are called by their numbers")])
    if format == "json":
        how = {
            "checkpoint": str(trained.checkpoint),
            "iteration": trained.iteration,
            "crops": int(crops),
            "size": list(found.size),
        }
        text = json_of(found.images, found.missed, how)
    else:
        text = (csv_of if format == "csv" else text_of)(found.images)
    if output is None or output.is_stream:
        (terminal.page if format == "text" else terminal.file)(text)
    else:
        # A name of a file may be no text at all.
        write_output(output.path, text.encode(errors="surrogateescape"))
        terminal.line(output.path)
