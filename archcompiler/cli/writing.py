"""Files that a command writes because its user names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import click

from archcompiler.config.files import is_read, require_no_source
from archcompiler.diagnostics import CompileError, error
from archcompiler.files import new_folder, sweep, write_whole

F = TypeVar("F", bound=str)


def format_of(path: Path, suffixes: Mapping[str, F]) -> F:
    """What a file is to be written as, by its name."""
    format = suffixes.get(path.suffix.lower())
    if format is None:
        raise click.UsageError(
            f"`{path.name}` names no format; end it in {', '.join(suffixes)} or say --format."
        )
    return format


def _given() -> Iterator[object]:
    """What the running command was given, but for where it is to write."""
    context = click.get_current_context(silent=True)
    for value in () if context is None else context.params.values():
        yield from value if isinstance(value, tuple) else (value,)


def _is_file(path: Path, given: object) -> bool:
    try:
        return isinstance(given, (str, Path)) and path.samefile(given)
    except (OSError, ValueError):
        return False


def require_apart(path: Path, *others: Path) -> None:
    """Raises UsageError for a file that the command would write over by another of its own."""
    for other in others:
        if path.resolve() == other.resolve():
            raise click.UsageError(f"`{path}` is to be written twice, with something else in it")


def write_output(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and the folders above it.

    Raises CompileError E403, and E407 for a file that the command was given to read.
    """
    require_no_source(path)
    if any(_is_file(path, given) for given in _given()):
        raise CompileError(is_read(path))
    try:
        with new_folder(path.parent):
            sweep(path.parent)
            write_whole(path, content)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise CompileError(error("E403", f"cannot write `{path}`: {reason.lower()}")) from None
