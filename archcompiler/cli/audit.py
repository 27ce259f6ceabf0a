from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal, TypeAlias

import click

from archcompiler import terminal
from archcompiler.cli.command import Command
from archcompiler.cli.compiling import SpecArgument, compile_all, facts
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import Shape, choice, root_option, set_option, spec_argument
from archcompiler.cli.writing import write_output
from archcompiler.config.files import Files

Format: TypeAlias = Literal["text", "markdown", "json"]


@click.command(
    "audit",
    cls=Command,
    groups={"Spec": ("shape", "settings", "root"), "Output": ("format", "output")},
    examples=[
        "audit model.py:ResidualAttentionModel attention56",
        "audit model.py:Net my.toml --input 3,64,64 -o audit.md",
    ],
    epilog="Exit codes: 0 it is the network, 1 it is not, 2 bad usage, spec or module.",
)
@click.argument("implementation", metavar="FILE.py:NAME|FILE")
@spec_argument
@click.option(
    "--input",
    "shape",
    type=Shape(),
    metavar="C,H,W",
    help="Shape of an image; by default the spec's.",
)
@set_option
@root_option
@click.option(
    "--format",
    type=choice(Format),
    help="Of the report; by default text, and what the name of the output says.",
)
@click.option(
    "-o",
    "--output",
    type=DestinationPath([".md", ".json", ".txt"], stream=True),
    metavar="FILE",
    help="Write the report to FILE: .md, .json or .txt.",
)
def command(
    implementation: str,
    spec: SpecArgument,
    shape: tuple[int, ...] | None,
    settings: tuple[str, ...],
    root: Path | None,
    format: Format | None,
    output: Destination | None,
) -> None:
    """Say whether a class or a function in a Python file makes the network of SPEC.

    The file is run, and the module that it makes, without arguments, is traced; FILE.pt2, which
    torch.export has saved, and FILE.onnx are read. It is isomorphic to
    the graph of SPEC, or the report has the first difference at its line, all others as far as both
    can be followed, parameters that nothing reads, and the costs of both.
    """
    if shape is not None:
        settings = (*settings, f"input={list(shape)}")
    (network,) = compile_all([spec], settings, Files(root))
    from archcompiler.foreign.audit import audit
    from archcompiler.foreign.loading import load_implementation
    from archcompiler.foreign.report import facts as found_facts
    from archcompiler.foreign.report import markdown, text

    found = audit(network, load_implementation(implementation, "<module>"))
    to_file = output is not None and not output.is_stream
    if format is None and output is not None and to_file:
        format = _FORMATS[output.path.suffix.lower()]
    if format == "json":
        import json

        told = [facts(network) | found_facts(found)]
        content = json.dumps({"diagnostics": [], "networks": told}, indent=2) + "\n"
    else:
        content = markdown(found) if format == "markdown" else text(found)
    if output is not None and to_file:
        write_output(output.path, content.encode())
        terminal.line(f"{output.path}")
    else:
        terminal.page(content)
    if not found.same:
        sys.exit(1)


_FORMATS: dict[str, Format] = {".md": "markdown", ".json": "json", ".txt": "text"}
