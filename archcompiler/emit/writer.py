"""Emitted files on disk: written whole or not at all, never over somebody's edits."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.emit.header import other_spec, parse_emitted, without_source
from archcompiler.files import new_folder, read_regular, sweep, write_whole

# Much more than a spec of the largest size is compiled to.
_MAX_BYTES: Final = 1 << 24
# Time to compare grows with the square of what differs, and the old file may be anyone's.
_MAX_COMPARED: Final = 1 << 20


class Written(StrEnum):
    """What became of a file."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def write_emitted(path: Path, text: str, *, force: bool = False) -> Written:
    """Write an emitted file atomically.

    Raises CompileError E402 if the file there was edited by hand or is not ours, and E404 if it is
    another spec's, unless `force`; E403 if it cannot be written; E405 if the text is no Python.
    """
    old = _read(path)
    if old == text:
        return Written.UNCHANGED
    if old is not None and not force:
        refused = _obstacle(path, old, text)
        if refused is not None:
            raise CompileError(refused)
    data = text.encode()
    _require_python(path, data)
    try:
        with new_folder(path.parent):
            sweep(path.parent)
            write_whole(path, data)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise CompileError(error("E403", f"cannot write `{path}`: {reason.lower()}")) from None
    return Written.CREATED if old is None else Written.UPDATED


def obstacle(path: Path, text: str) -> Diagnostic | None:
    """What `write_emitted` would refuse to write over. Raises CompileError E403."""
    old = _read(path)
    return None if old is None or old == text else _obstacle(path, old, text)


def _obstacle(path: Path, old: str, text: str) -> Diagnostic | None:
    emitted = parse_emitted(old)
    if emitted is None:
        return _refused(path, "was not written by archcompiler")
    if emitted.edited:
        return _refused(path, "was edited by hand")
    other = other_spec(emitted, text)
    if other is None:
        return None
    return error(
        "E404",
        f"`{path}` is what `{other}` was compiled to, another spec of that name",
        help="give one of them another `name`, build into another folder, or "
        "overwrite the file with `--force`",
    )


def difference(path: Path, text: str) -> str:
    """Unified diff from the file on disk to `text`; empty if they agree but for the source line."""
    from difflib import unified_diff

    old = _read(path)
    if old is not None and without_source(old) == without_source(text):
        return ""
    name = path.as_posix()
    if len(old or "") > _MAX_COMPARED:
        return f"{name} is too large to be compared\n"
    lines = unified_diff(
        (old or "").splitlines(keepends=True),
        text.splitlines(keepends=True),
        name if old is not None else "/dev/null",
        f"{name} (rebuilt)",
    )
    return "".join(lines)


def _require_python(path: Path, data: bytes) -> None:
    """Raise E405 unless the bytes of a file compile: no spec may lead to a file that does not."""
    try:
        compile(data, path.name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as exc:
        notes = (f"{type(exc).__name__}: {exc}",)
        message = f"what `{path}` would hold is not Python, and is not written"
        raise CompileError(error("E405", message, notes=notes)) from None


def _read(path: Path) -> str | None:
    try:
        # What is not UTF-8 was not written by us; it cannot be mistaken for it after this either.
        # Nor can a part of a file.
        return read_regular(path, _MAX_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise CompileError(error("E403", f"cannot read `{path}`: {reason.lower()}")) from None


def _refused(path: Path, why: str) -> Diagnostic:
    return error(
        "E402",
        f"`{path}` {why} and is left alone",
        help="move your changes into the spec or another file, or overwrite it with `--force`",
    )
