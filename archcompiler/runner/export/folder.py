"""The folder of an export: written together, and never over what somebody else has put there."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.files import new_folder, read_regular, sweep, write_together
from archcompiler.runner.classes import listed
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.store.writing import unwritable

SUMS: Final = "SHA256SUMS"
"""A line for each of the others, as `sha256sum --check` reads it."""
NAMES: Final = (
    "model.py",
    "model.safetensors",
    "model.onnx",
    "preprocessing.json",
    "spec.toml",
    "README.md",
    SUMS,
)
"""All that an export may write, and nothing else that it touches."""
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S+)")
_MOST: Final = 1 << 16
"""Bytes of the list."""

Became = Literal["created", "updated", "unchanged", "removed"]


@dataclass(frozen=True)
class WrittenFile:
    """A file of the export."""

    path: Path
    became: Became
    bytes: int


def write_export(
    folder: Path, contents: Mapping[str, bytes], *, force: bool = False
) -> list[WrittenFile]:
    """Write files by their names into a folder, and a list of their hashes; all, or none.

    What an earlier export has left there and this one has not is removed. Raises CompileError:
    E402 if something there was edited or is no file of an export, unless `force`; E705 for the
    folder of a run, E710 if it cannot be written.
    """
    require_own(folder, contents, force=force)
    sums = "".join(f"{_sha256(contents[n])}  {n}\n" for n in NAMES if n in contents)
    contents = {**contents, SUMS: sums.encode()}
    contents = {name: contents[name] for name in NAMES if name in contents}
    with _writing(folder):
        there = {name: _digest(folder / name) for name in NAMES}
        new = {name: data for name, data in contents.items() if there[name] != _sha256(data)}
        with new_folder(folder):
            sweep(folder)
            write_together({folder / name: data for name, data in new.items()})
        left = [name for name in NAMES if name not in contents and there[name] is not None]
        for name in left:
            (folder / name).unlink()
    return [
        *(
            WrittenFile(folder / name, _became(there[name], name in new), len(data))
            for name, data in contents.items()
        ),
        *(WrittenFile(folder / name, "removed", 0) for name in left),
    ]


def require_own(folder: Path, contents: Mapping[str, bytes | None], *, force: bool = False) -> None:
    """Raise CompileError if `write_export` would refuse these contents: E402 or E705, and E710 if
    that cannot be told.

    None is a file to come, about which there is nothing to say yet. What would be written may be
    there already: an export that was killed half way is repeated.
    """
    if RunFolder(folder).started:
        message = f"`{folder}` holds a run, whose files an export would overwrite"
        raise CompileError(error("E705", message, help="name another folder with `--output`"))
    if force:
        return
    known = _known(folder / SUMS)
    found: list[Diagnostic] = []
    with _writing(folder):
        there = {name: _digest(folder / name) for name in NAMES}
        others = [f"`{name}`" for name in _others(folder)]
    to_come = [name for name, data in contents.items() if data is None]
    new = {name: _sha256(data) for name, data in contents.items() if data is not None}
    for name, digest in there.items():
        own = name in to_come or (name == SUMS and known)
        if own or digest is None or digest in (known.get(name), new.get(name)):
            continue
        why = "was edited since" if name in known else "was not written by `export`"
        found.append(_refused(f"`{folder / name}` {why}, and is left alone"))
    if others:
        message = f"`{folder}` has files that `export` did not write, and is left alone"
        found.append(_refused(message, *listed("among them", others)))
    if found:
        raise CompileError(*found)


def _became(before: str | None, new: bool) -> Became:
    if before is None:
        return "created"
    return "updated" if new else "unchanged"


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn an OSError about a file of an export into CompileError E710."""
    try:
        yield
    except OSError as exc:
        problem = unwritable(Path(exc.filename or folder), exc, [])
        raise CompileError(replace(problem, help="`--output` writes it elsewhere")) from None


def _refused(message: str, *notes: str) -> Diagnostic:
    return error(
        "E402",
        message,
        notes=notes,
        help="name another folder with `--output`, or overwrite the files of an export with "
        "`--force`",
    )


def _others(folder: Path) -> Iterator[str]:
    """What else is there, but for what is hidden and what Python leaves beside a module."""
    with suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            if path.name not in (*NAMES, "__pycache__") and not path.name.startswith("."):
                yield path.name


def _known(path: Path) -> dict[str, str]:
    """The hashes in a list that an export has left; nothing for a list of other files."""
    try:
        lines = read_regular(path, _MOST).decode().splitlines()
    except (OSError, ValueError):
        return {}
    matches = [_LINE.fullmatch(line) for line in lines]
    found = {match[2]: match[1] for match in matches if match is not None}
    return found if len(found) == len(lines) and found.keys() <= set(NAMES) else {}


def _digest(path: Path) -> str | None:
    """Of a file, "" for what is none; None if nothing is there. Raises OSError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "" if path.is_symlink() else None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
