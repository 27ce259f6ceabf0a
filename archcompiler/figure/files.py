"""Figures on disk, and what there is to say about each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.figure.diagram import Format, Request, draw, file_name, operator_source
from archcompiler.figure.engine import INSTALL, find_dot
from archcompiler.files import write_whole

Written = tuple[Path, list[str]]


def write_figure(
    networks: Sequence[CompiledNetwork],
    request: Request,
    formats: Sequence[Format],
    directory: Path,
) -> Iterator[Written]:
    """Write every format and yield its path with notes: what was folded, what is plainer.

    Raises CompileError E604 for a comparison with a level or a scope, E605 where a file cannot be
    written, and what `draw` raises.
    """
    if len(networks) == 2:
        from archcompiler.figure.comparison import compare

        figure = compare(networks[0], networks[1], request)
    elif request.level == "op" and find_dot(request.dot) is None:
        path = directory / file_name(networks[0].name, "dot")
        write(path, operator_source(networks[0], request).encode())
        yield path, [_source_instead(formats)]
        return
    else:
        figure = draw(networks[0], request)
    said: set[str] = set()
    failures: list[CompileError] = []
    for format in formats:
        try:
            if format in ("png", "html") and figure.dot is None:
                path = directory / file_name(figure.name, "dot")
                write(path, figure.render("dot"))
                notes = [*figure.notes_on("dot"), _source_instead([format])]
            else:
                path = directory / file_name(figure.name, format)
                write(path, figure.render(format))
                notes = list(figure.notes_on(format))
        except CompileError as exc:
            failures.append(exc)
            continue
        yield path, [note for note in notes if note not in said]
        said.update(notes)
    # A format that fails takes no other with it, and the same mistake is said once.
    found = dict.fromkeys(diagnostic for failure in failures for diagnostic in failure.diagnostics)
    if found:
        raise CompileError(*found)


def _source_instead(formats: Sequence[Format]) -> str:
    return f"no `dot` to make {', '.join(formats)} with, so this is its source: install {INSTALL}"


def write(path: Path, content: bytes) -> None:
    """Whole or not at all. Raises CompileError E605."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise CompileError(error("E605", f"cannot write `{path}`: {reason}")) from None
