from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archcompiler import terminal
from archcompiler.cli.command import SPEC, Command
from archcompiler.cli.compiling import SpecArgument, compile_all, conclude
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import (
    RunPath,
    diagnostic_format_option,
    root_option,
    set_option,
    spec_argument,
)
from archcompiler.cli.writing import write_output
from archcompiler.config.files import Files
from archcompiler.diagnostics.render import ReportFormat

if TYPE_CHECKING:
    from archcompiler.foreign.transfer import Transfer

SUFFIXES = (".safetensors", ".pt", ".pth")
SHOWN = 5
"""Names in a line."""


class Pair(click.ParamType):  # type: ignore[type-arg]
    """An operator of the emitted file and one of the other implementation, as `OURS=THEIRS`."""

    name = "pair"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        ours, _, theirs = str(value).partition("=")
        if not ours or not theirs:
            self.fail(f"{value!r} is not OURS=THEIRS", param, ctx)
        return ours, theirs


@click.command(
    "weights",
    cls=Command,
    groups={**SPEC, "Output": ("output", "diagnostic_format")},
    examples=[
        "weights my.toml --from model.py:Net --checkpoint net.pth",
        "weights my.toml --from net.pt2 -o my.pt",
        "weights resnet50 --from torchvision --checkpoint resnet50.pth",
    ],
)
@spec_argument
@click.option(
    "--from",
    "origin",
    required=True,
    metavar="FILE.py:NAME|FILE|LAYOUT",
    help="The other implementation: a class or a function without arguments in a Python file, "
    "whose code is run; FILE.pt2, which torch.export has saved, or FILE.onnx; or torchvision or "
    "timm, whose names the checkpoint has.",
)
@click.option(
    "--checkpoint",
    type=RunPath(),
    metavar="FILE",
    help="Its weights: a saved state_dict or safetensors; by default those that it has once it is "
    "made.",
)
@click.option(
    "--pair",
    "pairs",
    type=Pair(),
    multiple=True,
    metavar="OURS=THEIRS",
    help="Which of several operators that nothing else tells apart is which, by its name in the "
    "emitted file and there.",
)
@click.option(
    "-o",
    "--output",
    type=DestinationPath(SUFFIXES),
    metavar="FILE",
    help="Where to write the weights: .safetensors, .pt or .pth; by default NAME.safetensors.",
)
@set_option
@root_option
@diagnostic_format_option
def command(
    spec: SpecArgument,
    origin: str,
    checkpoint: Path | None,
    pairs: tuple[tuple[str, str], ...],
    output: Destination | None,
    settings: tuple[str, ...],
    root: Path | None,
    diagnostic_format: ReportFormat,
) -> None:
    """Write the weights of another implementation of SPEC for the emitted file.

    Its graph is traced and shown to be that of SPEC; the isomorphism says which tensor is which.
    Both are then run on the same image in float64, and nothing is written unless their logits
    agree to 1e-6 of the largest.
    """
    if len(dict(pairs)) < len(pairs):
        raise click.UsageError("--pair names an operator of ours twice")
    (network,) = compile_all([spec], settings, Files(root), diagnostic_format)
    from archcompiler.foreign.loading import load_implementation
    from archcompiler.foreign.transfer import transfer, transfer_by_name
    from archcompiler.runner.store.layouts import layouts

    if origin in layouts():
        if checkpoint is None:
            raise click.UsageError(f"`--from {origin}` names tensors: of which --checkpoint?")
        if pairs:
            raise click.UsageError("--pair is for the code of another implementation")
        made = transfer_by_name(network, origin, checkpoint)
    else:
        theirs = load_implementation(origin, "--from")
        made = transfer(network, theirs, checkpoint, dict(pairs))
    path = Path(f"{network.name}{SUFFIXES[0]}") if output is None else output.path
    content = made.as_bytes(path.suffix.lower())
    write_output(path, content)
    if diagnostic_format == "json":
        conclude([network], "json", [_facts(made, path, len(content))])
        return
    terminal.line(f"{path}  {len(made.tensors):,} tensors, {len(content):,} bytes")
    for line in _lines(made, origin):
        terminal.line(line)


def _lines(made: Transfer, origin: str) -> list[str]:
    lines = []
    if made.layout is not None:
        lines.append(f"named as {origin}'s {made.layout}; there is no code to compare logits with")
    if made.deviation is not None:
        lines.append(
            f"{origin} is {made.network.name}, and gives the same logits with these weights, "
            f"within {made.deviation:.1e} of the largest, in float64"
        )
    for choice in made.choices:
        pairs = ", ".join(f"{ours} = {theirs}" for ours, theirs in choice.decision.pairs)
        lines.append(f"alike, and told apart {choice.decision.rule}: {pairs}")
    if made.unused:
        more = f" and {len(made.unused) - SHOWN:,} more" if len(made.unused) > SHOWN else ""
        lines.append(f"left out, as nothing reads them: {', '.join(made.unused[:SHOWN])}{more}")
    return lines


def _facts(made: Transfer, path: Path, size: int) -> dict[str, object]:
    return {
        "file": path.as_posix(),
        "bytes": size,
        "tensors": len(made.tensors),
        "names": dict(made.names),
        "deviation": made.deviation,
        "layout": made.layout,
        "unused": list(made.unused),
        "choices": [
            {"rule": choice.decision.rule, "pairs": [list(pair) for pair in choice.decision.pairs]}
            for choice in made.choices
        ],
    }
