from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from archcompiler import terminal
from archcompiler.cli.command import Command
from archcompiler.cli.destination import Destination, DestinationPath
from archcompiler.cli.options import Shape
from archcompiler.cli.writing import write_output

if TYPE_CHECKING:
    from archcompiler.foreign.decompile.decompiling import Decompiled


class Name(click.ParamType):  # type: ignore[type-arg]
    """The name of a network."""

    name = "name"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        from archcompiler.spec.names import taken, taken_file

        text = str(value)
        if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", text, re.ASCII) is None:
            self.fail(f"{text!r} must be lower case, digits and underscores", param, ctx)
        why = taken(text) or taken_file(text)
        if why is not None:
            self.fail(f"a network cannot be called {text!r}: that is {why}", param, ctx)
        return text


@click.command(
    "decompile",
    cls=Command,
    groups={"Network": ("shape", "name"), "Output": ("output",)},
    examples=[
        "decompile model.py:resnet50",
        "decompile net.onnx --input 3,64,64 --name mine -o mine.toml",
    ],
    epilog="Exit codes: 0 a spec was found and proved, 2 bad usage, or what no spec can say.",
)
@click.argument("implementation", metavar="FILE.py:NAME|FILE")
@click.option(
    "--input",
    "shape",
    type=Shape(),
    default="3,224,224",
    show_default=True,
    metavar="C,H,W",
    help="Shape of an image.",
)
@click.option(
    "--name",
    type=Name(),
    metavar="NAME",
    help="Name of the network; by default that of the class, the function or the file.",
)
@click.option(
    "-o",
    "--output",
    type=DestinationPath([".toml"], stream=True),
    metavar="FILE",
    help="Write the spec to FILE; by default to the standard output.",
)
def command(
    implementation: str, shape: tuple[int, ...], name: str | None, output: Destination | None
) -> None:
    """Write the shortest spec that is found for a class or a function in a Python file.

    The file is run, and the module that it makes, without arguments, is traced; FILE.pt2, which
    torch.export has saved, and FILE.onnx are read. Units, attention modules, stems and heads that
    come with the compiler are called by their names, others become blocks of the spec. It is
    compiled, and its graph proved to be the traced one, before it is written.
    """
    from archcompiler.foreign.decompile.source import decompile
    from archcompiler.foreign.loading import load_implementation
    from archcompiler.ir import TensorType

    theirs = load_implementation(implementation, "<module>")
    found = decompile(theirs, TensorType(*shape), name)
    if output is not None and not output.is_stream:
        write_output(output.path, found.text.encode())
        terminal.line(f"{output.path}  {_summary(found)}")
        return
    terminal.line(f"{implementation}  {_summary(found)}", err=True)
    terminal.raw(found.text)


def _summary(found: Decompiled) -> str:
    """`174 operators in 27 lines, with no block of its own`."""
    blocks = len(found.blocks)
    own = f"{blocks} block{'s' if blocks > 1 else ''}" if blocks else "no block"
    return f"{found.operators:,} operators in {found.lines:,} lines, with {own} of its own"
