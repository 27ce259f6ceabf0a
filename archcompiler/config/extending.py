"""`extends` and `--set`: a text, what it changes of others, and what a command line changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from archcompiler.config.files import (
    Files,
    Kind,
    Scope,
    bare_word,
    explained,
    find_shipped,
    near_name,
    scope_of,
    shipped_scope,
)
from archcompiler.config.located import Located, locate, merge
from archcompiler.config.problems import kind_of
from archcompiler.config.settings import parse_setting
from archcompiler.diagnostics import CompileError, Diagnostic, Source, error
from archcompiler.diagnostics.read import MAX_BYTES
from archcompiler.syntax import parse

MAX_EXTENDS: Final = 16
Lay = Callable[[Located, Located], Located]
"""How one layer of values is laid upon another: `merge`, or by more rules than that."""


@dataclass(frozen=True)
class _How:
    kind: Kind
    lay: Lay


def read_extended(
    name: str | Path | Source, kind: Kind, files: Files, lay: Lay = merge
) -> tuple[Located, Source, str | None]:
    """The values of a file with all that it extends, its text, and its name if it is no path.

    A text without a path is taken to be in the current folder. Raises CompileError.
    """
    how = _How(kind, lay)
    if isinstance(name, Source):
        path = name.path or Path("-")
        values = _extended(name, path, how, scope_of(path.parent, files))
        return values, name, None if name.path else "-"
    path = Path(name)
    found = find_shipped(kind, str(path), path.parent, files)
    scope = scope_of(path.parent, files) if found is None else shipped_scope(kind, files)
    try:
        source = scope.read(found or path)
    except CompileError as unreadable:
        raise CompileError(
            *(explained(kind, d, path, files) for d in unreadable.diagnostics)
        ) from None
    return _extended(source, found or path, how, scope), source, str(path) if found else None


def with_settings(values: Located, settings: Sequence[str], lay: Lay = merge) -> Located:
    """`--set` after `--set` laid upon the values. Raises CompileError with all that are wrong."""
    problems: list[Diagnostic] = []
    for argument in settings:
        try:
            values = lay(values, parse_setting(argument))
        except CompileError as exc:
            problems += exc.diagnostics
    if problems:
        raise CompileError(*dict.fromkeys(problems))
    return values


def _extended(
    source: Source,
    path: Path,
    how: _How,
    scope: Scope,
    chain: tuple[Path, ...] = (),
    room: int = MAX_BYTES,
) -> Located:
    """The values of one text, laid upon those of everything that it extends.

    All of them together may have `room` bytes.
    """
    room -= len(source.text.encode())
    document = parse(source)
    values = locate(document.values, document)
    # Editors find the schema of a JSON file by this key.
    values.value.pop("$schema", None)
    target = values.value.pop("extends", None)
    if target is None:
        return values
    if not isinstance(target.value, str):
        message = f"`extends` must be a string, not {kind_of(target.value)}"
        raise CompileError(error("E203", message, target.span()))
    chain = (*chain, scope.files.resolve(path))
    base_path, scope = _resolve_extends(target, path, how.kind, scope, chain)
    try:
        base = _extended(scope.read(base_path, room), base_path, how, scope, chain, room)
    except CompileError as exc:
        unreadable = [d for d in exc.diagnostics if d.span is None]
        if unreadable:
            raise CompileError(_no_base(target, base_path, how.kind, unreadable[0])) from None
        raise
    return how.lay(base, values)


def _resolve_extends(
    target: Located, path: Path, kind: Kind, scope: Scope, chain: tuple[Path, ...]
) -> tuple[Path, Scope]:
    """The file that `extends` means, and what that one may read."""

    def refuse(code: str, message: str, *notes: str, help: str | None = None) -> CompileError:
        return CompileError(error(code, message, target.span(), notes=notes, help=help))

    try:
        found = find_shipped(kind, target.value, path.parent, scope.files, *chain)
    except CompileError as ambiguous:
        located = (replace(d, span=target.span()) for d in ambiguous.diagnostics)
        raise CompileError(*located) from None
    base_path = path.parent / target.value
    if found is not None:
        base_path, scope = found, shipped_scope(kind, scope.files)
    try:
        resolved = scope.files.resolve(base_path)
    except (OSError, RuntimeError, ValueError) as exc:
        raise refuse(
            "E207", f"`{target.value}` is no path of a {kind.word}", str(exc).lower()
        ) from None
    if not resolved.is_relative_to(scope.root):
        raise refuse(
            "E208",
            f"`extends` leaves the folder that a {kind.word} may read in",
            f"that folder is {scope.why}",
            help=scope.cure,
        )
    if resolved in chain:
        cycle = chain[chain.index(resolved) :]
        names = " → ".join(p.name for p in (*cycle, resolved))
        notes = (f"a cycle: {names}",) if len(cycle) > 1 else ()
        raise refuse("E206", f"a {kind.word} cannot extend itself", *notes)
    if len(chain) > MAX_EXTENDS:
        raise refuse("E207", f"more than {MAX_EXTENDS} {kind.word}s extend one another")
    return base_path, scope


def _no_base(target: Located, base_path: Path, kind: Kind, problem: Diagnostic) -> Diagnostic:
    """E207 at the `extends` for a base that has no text to point at."""
    near = near_name(kind, target.value, base_path) if problem.code in ("E101", "E104") else None
    help, stem = problem.help, Path(target.value).stem
    if near is not None:
        help = f"did you mean `{near}`?"
    elif help is None and problem.code == "E101" and stem in kind.shipped():
        help = bare_word(kind, stem)
    return error(
        "E207",
        f"this {kind.word} extends one that cannot be read",
        target.span(),
        notes=(problem.message, *problem.notes),
        help=help,
    )
