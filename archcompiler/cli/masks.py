from __future__ import annotations

from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.command import Command
from archcompiler.cli.options import RunPath, UserPath, pixel_size


@click.command("masks", cls=Command, examples=["masks runs/smoke photo.png -o masks.png"])
@click.argument("run", metavar="CHECKPOINT|RUN", type=RunPath())
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=UserPath())
@click.option(
    "--size",
    type=pixel_size,
    metavar="SIZE",
    help="Pixels a side, or HEIGHTxWIDTH; by default the spec's.",
)
@click.option(
    "-o",
    "--output",
    type=RunPath(dir_okay=False),
    help="The picture, a PNG; by default masks.png in the run folder.",
)
def command(
    run: Path, images: tuple[Path, ...], size: tuple[int, int] | None, output: Path | None
) -> None:
    """Draw what each attention module of a trained network weighs up in each IMAGE."""
    from archcompiler.runner.masks import draw_masks
    from archcompiler.runner.store.trained import load_trained

    trained = load_trained(run)
    path = output or trained.folder.path / "masks.png"
    rows, columns = draw_masks(trained, images, size, path)
    terminal.line(f"{path}  {rows} images, {columns} masks each")
