from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archcompiler import terminal
from archcompiler.cli.command import Command
from archcompiler.cli.options import SpecPath, UserPath, root_option
from archcompiler.cli.report import report
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error

if TYPE_CHECKING:
    from archcompiler.cli.compiling import SpecArgument
    from archcompiler.spec.loaded import LoadedSpec
    from archcompiler.spec.model import Spec


LARGEST = 65_536
"""Pixels of a side, as in a spec."""


@click.command(
    "new", cls=Command, examples=["new my.toml --from attention56 --input 64 --classes 200"]
)
@click.argument("file", metavar="FILE", type=UserPath())
@click.option(
    "--from",
    "base",
    type=SpecPath(),
    default="attention56",
    show_default=True,
    metavar="SPEC",
    help="The spec that the new one changes, shipped or your own.",
)
@click.option(
    "--input",
    "size",
    metavar="SIZE",
    help="Size of an image: 64, 64x96 for height × width, 1x28x28 with the channels before it.",
)
@click.option("--classes", type=click.IntRange(1), metavar="N", help="Logits that are returned.")
@root_option
@click.option("--name", metavar="NAME", help="Name of the network; by default that of the file.")
def command(
    file: Path,
    base: SpecArgument,
    size: str | None,
    classes: int | None,
    root: Path | None,
    name: str | None,
) -> None:
    """Write a spec that changes another, with comments, as FILE; no file is overwritten."""
    from archcompiler.compiler import compile
    from archcompiler.config.files import Files
    from archcompiler.spec.loader import load

    if isinstance(base, Source):
        raise click.UsageError("--from -: a spec extends a file, not what was read once")
    if file.suffix.lower() != ".toml":
        raise click.UsageError(f"`{file}`: a new spec is TOML; name it `*.toml`")
    _require_free(file)
    extended = load(base, files=Files(root))
    input = _input(size, extended.spec)
    schema = _schema(file.parent)
    text = _text(file, extended, name or _name(file.stem), input, classes, schema)
    try:
        network = compile(Source(file.as_posix(), text, "toml", file), root=root)
    except CompileError as wrong:
        if size is not None and any(d.code == "E306" for d in wrong.diagnostics):
            _require_taken(size, input, base, root)
        raise CompileError(*(_unwritten(d, file) for d in wrong.diagnostics)) from None
    report(network.warnings)
    _write(file, text)
    terminal.line(f"{file}  created, changes {extended.spec.name}")
    if root is not None and not _is_read_alone(file):
        terminal.line(
            f"note: other commands need `--root {root}` too, unless there is a `pyproject.toml` "
            "or `.git` in that folder",
            err=True,
        )
    if not schema.exists():
        from archcompiler.spec.schema import schema_text

        _write(schema, schema_text())
        terminal.line(f"{schema}  created, for editors")


def _require_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise CompileError(error("E407", f"`{path}` is there already, and is left alone"))


def _unwritten(problem: Diagnostic, file: Path) -> Diagnostic:
    notes = (*problem.notes, f"`{file}` would be wrong, and is not written")
    # What is wrong with a name may be the file's: then the network needs one of its own.
    help = "give the network another with `--name`" if problem.code == "E205" else problem.help
    return replace(problem, notes=notes, help=help)


def _write(path: Path, text: str) -> None:
    from archcompiler.files import write_new

    try:
        write_new(path, text.encode())
    except FileExistsError:
        _require_free(path)
        raise
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise CompileError(error("E403", f"cannot write `{path}`: {reason}")) from None


def _name(stem: str) -> str:
    """The name of a network for a file of any name."""
    return "_".join(re.findall(r"[a-z0-9]+", stem.lower())) or "network"


def _input(size: str | None, spec: Spec) -> list[int]:
    """The channels and sides that `--input` says of a network like `spec`."""
    if size is None:
        return list(spec.input)
    dims = len(spec.input) - 1
    if not re.fullmatch(r"\d{1,7}([x×]\d{1,7}){0,3}", size, re.ASCII):
        raise click.UsageError(f"--input: `{size}` is no size; 64, or 64x96 for height × width")
    sides = [int(side) for side in re.split("[x×]", size)]
    if not all(1 <= side <= LARGEST for side in sides):
        raise click.UsageError(f"--input: `{size}` is not of 1 to {LARGEST:,} pixels a side")
    if len(sides) == 1:
        sides *= dims
    if len(sides) == dims:
        return [spec.input[0], *sides]
    if len(sides) == dims + 1:
        return sides
    axes = "one side" if dims == 1 else f"{dims} sides"
    raise click.UsageError(f"--input: an input of `{spec.name}` has {axes}, not {len(sides)}")


def _require_taken(size: str, input: list[int], base: Path, root: Path | None) -> None:
    """Raise CompileError E306 at `--input` if the network that is changed is too deep for it.

    What is told of the spec points at lines of another file, which may be none of the user's.
    """
    from archcompiler.analysis.sizes import takes, valid_sizes
    from archcompiler.compiler import compile

    network = compile(base, root=root)
    if takes(network.graph, tuple(input[1:])):
        return
    sizes = valid_sizes(network.graph)
    smallest = sizes.ranges[0][0] if sizes.ranges else None
    raise CompileError(
        error(
            "E306",
            f"`{network.name}` runs out of pixels at {'×'.join(map(str, input[1:]))}",
            Span(Source("--input", size, "toml"), 0, len(size)),
            notes=(f"valid sides: {sizes}",),
            help=f"`--input {smallest}` is the smallest that works" if smallest else None,
        )
    )


def _is_read_alone(file: Path) -> bool:
    """Whether the spec that was written is read without a `--root`."""
    from archcompiler.spec.loader import load

    try:
        load(file)
    except CompileError:
        return False
    return True


def _schema(folder: Path) -> Path:
    """The schema of the project that a folder is in, or where it is going to be."""
    from archcompiler.config.files import Files
    from archcompiler.spec.schema import SCHEMA_FILE

    top, _ = Files().above(folder)
    here = folder.resolve()
    for parent in (here, *here.parents):
        if (parent / SCHEMA_FILE).is_file():
            return parent / SCHEMA_FILE
        if parent == top:
            break
    return folder / SCHEMA_FILE


def _text(
    file: Path, extended: LoadedSpec, name: str, input: list[int], classes: int | None, schema: Path
) -> str:
    """The spec, which says of the other only what is to be another."""
    from archcompiler.config.toml import toml_lines
    from archcompiler.spec.names import class_name

    spec = extended.spec
    base = extended.word or _relative(Path(extended.source.name), file.parent)
    new = spec.model_copy(update={"name": name, "class_name": None})
    sizes = {1: "length", 2: "height and width"}.get(len(input) - 1, "sides")
    lines = toml_lines(
        {
            "extends": base,
            "name": name,
            "class_name": class_name(new) if spec.class_name else None,
            "title": class_name(new) if spec.title else None,
            "description": f"{spec.title or spec.name}, changed." if spec.description else None,
            "input": input,
            "classes": classes or spec.classes,
        }
    )
    comments = {
        "name": "also of the emitted file and its builder",
        "title": "in figures and tables",
        "input": f"channels, {sizes} that counts are for; any valid size is taken",
    }
    printed = f"archcompiler show {shlex.quote(file.name)}"
    rows = []
    for line in lines:
        key, _, value = line.text.partition(" = ")
        rows.append((f"{key:<{len('description')}} = {value}", comments.get(key)))
    width = max(len(text) for text, comment in rows if comment)
    return "\n".join(
        (
            f"#:schema {_relative(schema, file.parent)}",
            f"# All that is not said here is {base}'s: `{printed}` prints it.",
            *(f"{text:<{width}}  # {comment}" if comment else text for text, comment in rows),
            "",
            *_hints(spec),
            "",
        )
    )


def _hints(spec: Spec) -> Iterator[str]:
    """How a stage is changed, with a value that holds, for the reader to bring in."""
    changed = ((i, stage.modules) for i, stage in enumerate(spec.stages) if stage.modules)
    index, modules = next(changed, (0, None))
    yield "# A stage is changed by its number, counted from 0:"
    yield f"# [stages.{index}]"
    if modules is None:
        yield f"# channels = {spec.stages[index].channels}"
    else:
        yield f"# modules = {modules}"


def _relative(path: Path, folder: Path) -> str:
    """A path as it is written in a file of a folder."""
    return Path(os.path.relpath(path, folder)).as_posix()
