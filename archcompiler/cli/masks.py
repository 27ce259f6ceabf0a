from __future__ import annotations

from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.command import Command
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import RunPath, UserPath, choice, on_error_option, size_option
from archcompiler.cli.report import report
from archcompiler.runner.recipe.choices import Device, OnError


@click.command("masks", cls=Command, examples=["masks runs/smoke photo.png -o masks.png"])
@click.argument("run", metavar="RUN|CHECKPOINT", type=RunPath())
@click.argument("images", metavar="IMAGE|FOLDER...", nargs=-1, required=True, type=UserPath())
@size_option
@on_error_option
@click.option(
    "-o",
    "--output",
    type=DestinationPath([".png"], folders=True),
    metavar="DIR|FILE",
    help="The picture, a PNG, or the folder of masks.png; by default the run folder.",
)
@click.option("--device", type=choice(Device), default="auto")
def command(
    run: Path,
    images: tuple[Path, ...],
    size: tuple[int, int] | None,
    on_error: OnError | None,
    output: Destination | None,
    device: Device,
) -> None:
    """Draw what each attention module of a trained network weighs up in each IMAGE, and in all
    images of each FOLDER, beside what the network says of it.

    They come before the network as the test images do in `eval`.
    """
    from archcompiler.runner.masks import draw_masks
    from archcompiler.runner.store.trained import EXACT, load_portable

    trained = load_portable(run, device, EXACT)
    output = output or Destination(trained.folder.path, "folder")
    path = output.path / "masks.png" if output.is_folder else output.path
    drawn = draw_masks(trained, images, size=size, on_error=on_error, output=path)
    report(drawn.warnings)
    terminal.line(f"{path}  {_count(drawn.images, 'image')}, {_count(drawn.modules, 'mask')} each")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
