from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.command import Command
from archcompiler.cli.compiling import facts
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import RunPath, diagnostic_format_option
from archcompiler.cli.report import report
from archcompiler.diagnostics.render import ReportFormat


@click.command(
    "export",
    cls=Command,
    groups={"Output": ("output", "deploy", "force", "onnx", "diagnostic_format")},
    examples=[
        "export runs/smoke",
        "export runs/smoke -o shoes --onnx",
        "export runs/smoke --deploy",
    ],
)
@click.argument("run", metavar="RUN|CHECKPOINT", type=RunPath())
@click.option(
    "-o",
    "--output",
    type=DestinationPath(folders=True),
    metavar="DIR",
    help="Folder to write; by default RUN/export, or RUN/export-CHECKPOINT; with --deploy "
    "RUN/deploy.",
)
@click.option(
    "--deploy",
    is_flag=True,
    help="The network of `build --deploy`, batch norms folded into its weights.",
)
@click.option("--force", is_flag=True, help="Overwrite files of an export that were edited.")
@click.option(
    "--onnx/--no-onnx",
    default=None,
    help="Write model.onnx (opset 18) too, or not; by default where onnx and onnxscript are "
    "installed.",
)
@diagnostic_format_option
def command(
    run: Path,
    output: Destination | None,
    deploy: bool,
    force: bool,
    onnx: bool | None,
    diagnostic_format: ReportFormat,
) -> None:
    """Write the best weights of RUN, or those of CHECKPOINT, as a folder for people without
    archcompiler: the network as Python and as ONNX, its weights, how images are prepared, its spec
    and a model card.

    It is compared with the run first, on the same input.
    """
    from archcompiler.runner.classes import unnamed
    from archcompiler.runner.export.exporting import default_folder, export
    from archcompiler.runner.export.onnx_model import OPSET
    from archcompiler.runner.store.trained import load_trained

    trained = load_trained(run)
    warnings = []
    if trained.classes is None:
        warnings.append(unnamed(f"`{trained.checkpoint}`", "they are called by their numbers"))
    folder = default_folder(trained, run, deploy=deploy) if output is None else output.path
    say = partial(terminal.line, err=True)
    made = export(trained, folder, onnx=onnx, deploy=deploy, force=force, say=say)
    if diagnostic_format == "json":
        told = {
            "checkpoint": str(trained.checkpoint),
            "iteration": trained.iteration,
            "files": [
                {"file": file.path.as_posix(), "written": file.became, "bytes": file.bytes}
                for file in made.files
            ],
            "onnx_opset": OPSET if made.onnx else None,
            "onnx_deviation": made.onnx_deviation,
            "folded_deviation": made.folded_deviation,
        }
        report(warnings, "json", [facts(made.network) | told])
        return
    report(warnings, diagnostic_format)
    for file in made.files:
        size = f", {file.bytes:,} bytes" if file.bytes else ""
        terminal.line(f"{file.path}  {file.became}{size}")
    if made.left_out is not None:
        terminal.line(f"model.onnx left out: {made.left_out}")
    how = "to the bit"
    if made.folded_deviation is not None:
        how = f"within {made.folded_deviation:.1e} of the largest; {made.network.batch_norms}"
    terminal.line(f"model.py with model.safetensors gives the logits of the run, {how}")
    if made.onnx_deviation is not None:
        terminal.line(f"model.onnx gives them within {made.onnx_deviation:.1e} of the largest")
    elif made.onnx:
        terminal.line("model.onnx is unchecked: pip install onnxruntime")
