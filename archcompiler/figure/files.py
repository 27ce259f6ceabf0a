"""Figures on disk, and what there is to say about each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from archcompiler.compiler import CompiledNetwork
from archcompiler.config.files import require_no_source
from archcompiler.diagnostics import CompileError, error
from archcompiler.figure.diagram import (
    EXTENSIONS,
    Figure,
    Format,
    Request,
    draw,
    file_name,
    operator_source,
)
from archcompiler.figure.engine import INSTALL, find_dot
from archcompiler.files import new_folder, sweep, write_together

Written = tuple[Path, list[str]]


def write_figure(
    networks: Sequence[CompiledNetwork],
    request: Request,
    formats: Sequence[Format],
    output: Path,
    *,
    is_folder: bool,
) -> Iterator[Written]:
    """Write every format and yield its path with notes: what was folded, what is plainer.

    `output` is a folder, or the one file that there is to be.

    Raises CompileError E407 for a file that a spec was read from, E604 for a comparison with a
    level or a scope, E605 where a file cannot be written, and what `draw` raises.
    """
    if len(networks) == 1 and request.level == "op" and find_dot(request.dot) is None:
        path = _path(output, networks[0].name, "dot", is_folder)
        require_no_source(path)
        write({path: operator_source(networks[0], request).encode()})
        yield path, [_source_instead(formats)]
        return
    figure = _figure(networks, request)
    contents: dict[Path, bytes] = {}
    notes: dict[Path, list[str]] = {}
    failures: list[CompileError] = []
    for format in formats:
        instead = format in ("png", "html") and figure.dot is None
        made: Format = "dot" if instead else format
        path = _path(output, figure.name, made, is_folder)
        try:
            contents[path] = figure.render(made)
        except CompileError as exc:
            failures.append(exc)
            continue
        notes[path] = [*figure.notes_on(made), *([_source_instead([format])] if instead else ())]
    for path in contents:
        require_no_source(path)
    # All are drawn before one is written: the files of one figure are of one network.
    try:
        write(contents)
    except CompileError as exc:
        failures.append(exc)
    said: set[str] = set()
    for path in contents:
        yield path, [note for note in notes[path] if note not in said]
        said.update(notes[path])
    # A format that fails takes no other with it, and the same mistake is said once.
    found = dict.fromkeys(diagnostic for failure in failures for diagnostic in failure.diagnostics)
    if found:
        raise CompileError(*found)


def figure_content(
    networks: Sequence[CompiledNetwork], request: Request, format: Format
) -> tuple[bytes, list[str]]:
    """One file that is written elsewhere, with its notes. Raises as `write_figure`, and E601 where
    that writes a source in place of what there is no `dot` for.
    """
    figure = _figure(networks, request)
    return figure.render(format), [*figure.notes_on(format)]


def _figure(networks: Sequence[CompiledNetwork], request: Request) -> Figure:
    if len(networks) == 1:
        return draw(networks[0], request)
    from archcompiler.figure.comparison import compare

    return compare(networks[0], networks[1], request)


def _path(output: Path, name: str, format: Format, is_folder: bool) -> Path:
    """The file itself that `output` names, or one of the figure's name in that folder."""
    if is_folder:
        return output / file_name(name, format)
    named = EXTENSIONS.get(output.suffix.lower())
    return output if named == format else output.with_suffix(f".{format}")


def _source_instead(formats: Sequence[Format]) -> str:
    return f"no `dot` to make {', '.join(formats)} with, so this is its source: install {INSTALL}"


def write(contents: dict[Path, bytes]) -> None:
    """Write the files of a figure, all together but for those that cannot be.

    These are taken out of `contents`. Raises CompileError E605 for them, once the others stand.
    """
    found = []
    while contents:
        try:
            with ExitStack() as stack:
                for folder in dict.fromkeys(path.parent for path in contents):
                    stack.enter_context(new_folder(folder))
                    sweep(folder)
                write_together(contents)
            break
        except OSError as exc:
            reason = (exc.strerror or str(exc)).lower()
            found.append(error("E605", f"cannot write `{exc.filename}`: {reason}"))
            if contents.pop(Path(exc.filename), None) is None:
                contents.clear()  # It is the folder.
    if found:
        raise CompileError(*found)
