"""Figures on disk, and what there is to say about each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.figure.diagram import Format, Request, draw, file_name, format_of, operator_source
from archcompiler.figure.engine import INSTALL, find_dot
from archcompiler.files import make_folder, sweep, write_together

Written = tuple[Path, list[str]]


def write_figure(
    networks: Sequence[CompiledNetwork],
    request: Request,
    formats: Sequence[Format],
    output: Path,
) -> Iterator[Written]:
    """Write every format and yield its path with notes: what was folded, what is plainer.

    `output` is a folder, or the one file that there is to be.

    Raises CompileError E604 for a comparison with a level or a scope, E605 where a file cannot be
    written, and what `draw` raises.
    """
    if len(networks) == 2:
        from archcompiler.figure.comparison import compare

        figure = compare(networks[0], networks[1], request)
    elif request.level == "op" and find_dot(request.dot) is None:
        path = _path(output, networks[0].name, "dot")
        write({path: operator_source(networks[0], request).encode()})
        yield path, [_source_instead(formats)]
        return
    else:
        figure = draw(networks[0], request)
    contents: dict[Path, bytes] = {}
    notes: dict[Path, list[str]] = {}
    failures: list[CompileError] = []
    for format in formats:
        instead = format in ("png", "html") and figure.dot is None
        made: Format = "dot" if instead else format
        path = _path(output, figure.name, made)
        try:
            contents[path] = figure.render(made)
        except CompileError as exc:
            failures.append(exc)
            continue
        notes[path] = [*figure.notes_on(made), *([_source_instead([format])] if instead else ())]
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


def _path(output: Path, name: str, format: Format) -> Path:
    """The file itself that `output` names, or one of the figure's name in that folder."""
    named = format_of(output)
    if named is None:
        return output / file_name(name, format)
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
            for folder in dict.fromkeys(path.parent for path in contents):
                make_folder(folder)
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
