"""`extends` and `--set`: a text, what it changes of others, and what a command line changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from archcompiler.config.files import (
    Files,
    Kind,
    Scope,
    bare_word,
    explained,
    find_shipped,
    near_name,
    of_another_kind,
    scope_of,
    shipped_scope,
)
from archcompiler.config.located import Located, locate, merge
from archcompiler.config.problems import kind_of
from archcompiler.diagnostics import CompileError, Diagnostic, Source, error
from archcompiler.diagnostics.read import MAX_BYTES
from archcompiler.syntax import parse

MAX_EXTENDS: Final = 16
Lay = Callable[[Located, Located], Located]
"""How one layer of values is laid upon another: `merge`, or by more rules than that."""


class _How(NamedTuple):
    kind: Kind
    """Of what is extended."""
    lay: Lay
    word: str
    """What the file is that extends it."""


class Apart(NamedTuple):
    """A file and what it extends, not laid upon one another."""

    own: Located
    """Its values but for `extends`."""
    extends: Located
    base: Located
    base_path: Path
    base_source: Source
    source: Source
    word: str | None
    """Its name, if that is no path."""


def read_extended(
    name: str | Path | Source, kind: Kind, files: Files, lay: Lay = merge
) -> tuple[Located, Source, str | None]:
    """The values of a file with all that it extends, its text, and its name if it is no path.

    A text without a path is taken to be in the current folder. Raises CompileError.
    """
    source, path, scope, word = _read(name, kind, files)
    return _extended(source, path, _How(kind, lay, kind.word), scope), source, word


def _read(
    name: str | Path | Source, kind: Kind, files: Files
) -> tuple[Source, Path, Scope, str | None]:
    """A text, its path, what it may read, and its name if it is no path."""
    if isinstance(name, Source):
        path = name.path or Path("-")
        return name, path, scope_of(path.parent, files), None if name.path else "-"
    path = Path(name)
    found = find_shipped(kind, str(path), path.parent, files)
    scope = scope_of(path.parent, files) if found is None else shipped_scope(kind, files)
    try:
        source = scope.read(found or path)
    except CompileError as unreadable:
        raise CompileError(
            *(explained(kind, d, path, files) for d in unreadable.diagnostics)
        ) from None
    return source, found or path, scope, str(path) if found else None


def read_apart(name: str | Path | Source, kind: Kind, base: Kind, files: Files) -> Apart:
    """A file of one kind and the file of another that it `extends`, each by itself.

    Raises CompileError, which is E202 where it extends nothing.
    """
    source, path, scope, word = _read(name, kind, files)
    document = parse(source)
    own = locate(document.values, document)
    own.value.pop("$schema", None)
    if "extends" not in own.value:
        message = f"missing key `extends` in the {kind.word}"
        help = f"`extends`: the {base.word} that is changed, by its name or path"
        raise CompileError(error("E202", message, own.span("table"), help=help))
    extends = own.value["extends"]
    extended = _base_of(
        own, path, _How(base, merge, kind.word), scope, (), MAX_BYTES - _size(source)
    )
    assert extended is not None
    return Apart(own, extends, *extended, source, word)


def with_settings(values: Located, settings: Sequence[str], lay: Lay = merge) -> Located:
    """`--set` after `--set` laid upon the values. Raises CompileError with all that are wrong."""
    if not settings:
        return values
    from archcompiler.config.settings import parse_setting

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
    document = parse(source)
    values = locate(document.values, document)
    # Editors find the schema of a JSON file by this key.
    values.value.pop("$schema", None)
    extended = _base_of(values, path, how, scope, chain, room - _size(source))
    return values if extended is None else how.lay(extended[0], values)


def _size(source: Source) -> int:
    return len(source.text.encode())


def _base_of(
    values: Located, path: Path, how: _How, scope: Scope, chain: tuple[Path, ...], room: int
) -> tuple[Located, Path, Source] | None:
    """What `extends` names, which is taken out of the values; None where there is none."""
    target = values.value.pop("extends", None)
    if target is None:
        return None
    if not isinstance(target.value, str):
        message = f"`extends` must be a string, not {kind_of(target.value)}"
        raise CompileError(error("E203", message, target.span()))
    chain = (*chain, scope.files.resolve(path))
    base_path, scope = _resolve_extends(target, path, how, scope, chain)
    try:
        source = scope.read(base_path, room)
        base = _extended(source, base_path, how._replace(word=how.kind.word), scope, chain, room)
        return base, base_path, source
    except CompileError as exc:
        unreadable = [d for d in exc.diagnostics if d.span is None]
        if unreadable:
            raise CompileError(_no_base(target, base_path, how, unreadable[0])) from None
        raise


def _resolve_extends(
    target: Located, path: Path, how: _How, scope: Scope, chain: tuple[Path, ...]
) -> tuple[Path, Scope]:
    """The file that `extends` means, and what that one may read."""
    kind = how.kind

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
            f"`extends` leaves the folder that a {how.word} may read in",
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


def _no_base(target: Located, base_path: Path, how: _How, problem: Diagnostic) -> Diagnostic:
    """E207 at the `extends` for a base that has no text to point at."""
    kind = how.kind
    near = near_name(kind, target.value, base_path) if problem.code in ("E101", "E104") else None
    help, stem = problem.help, Path(target.value).stem
    if near is not None:
        help = f"did you mean `{near}`?"
    elif help is None and problem.code == "E101" and stem in kind.shipped():
        help = bare_word(kind, stem)
    elif help is None and problem.code == "E101":
        help = of_another_kind(kind, target.value)
    one = "one" if how.word == kind.word else f"a {kind.word}"
    return error(
        "E207",
        f"this {how.word} extends {one} that cannot be read",
        target.span(),
        notes=(problem.message, *problem.notes),
        help=help,
    )
