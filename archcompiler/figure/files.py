"""Figures on disk, and what there is to say about each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.figure.diagram import Figure, Format, Request, draw, file_name, operators
from archcompiler.figure.engine import INSTALL, find_dot

Written = tuple[Path, list[str]]


def write_figure(
    networks: Sequence[CompiledNetwork],
    request: Request,
    formats: Sequence[Format],
    directory: Path,
) -> Iterator[Written]:
    """Write every format and yield its path with notes: what was folded, what is plainer."""
    if len(networks) == 1 and request.level == "op":
        yield from _write_operators(networks[0], request, formats, directory)
        return
    if len(networks) == 1:
        figure = draw(networks[0], request)
    else:
        from archcompiler.figure.comparison import compare

        figure = compare(networks[0], networks[1], request)
    yield from _write_page(figure, request, formats, directory)


def _write_page(
    figure: Figure, request: Request, formats: Sequence[Format], directory: Path
) -> Iterator[Written]:
    notes = list(figure.notes)
    for format in formats:
        if format == "png" and find_dot(request.dot, "png") is None:
            path = directory / file_name(figure.name, "dot")
            write(path, figure.render("dot"))
            yield path, [f"no `dot` to make png with, so this is its source: install {INSTALL}"]
            continue
        path = directory / file_name(figure.name, format)
        write(path, figure.render(format))
        own = ["text is set in the viewer's own Helvetica, not embedded"] if format == "pdf" else []
        yield path, notes + own
        # What was folded is said once.
        notes = []


def _write_operators(
    network: CompiledNetwork, request: Request, formats: Sequence[Format], directory: Path
) -> Iterator[Written]:
    notes: list[str] = []
    if any(format != "dot" and find_dot(request.dot, format) is None for format in formats):
        wanted = ", ".join(format for format in formats if format != "dot")
        notes = [f"no `dot` to make {wanted} with, so this is its source: install {INSTALL}"]
        formats = ("dot",)
    for format, content in operators(network, request, formats).items():
        path = directory / file_name(network.name, format)
        write(path, content)
        yield path, notes


def write(path: Path, content: bytes) -> None:
    """Whole or not at all. Raises CompileError E605."""
    from archcompiler.emit.writer import replace_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise CompileError(error("E605", f"cannot write `{path}`: {reason}")) from None
