"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from archcompiler.diagnostics import Diagnostic, error

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a full disk, or a full share of it, says."""
_PARTIAL = ".partial"


def write_whole(path: Path, write: Callable[[IO[bytes]], object], *, durable: bool = True) -> None:
    """Through a temporary file in the same folder: a killed process leaves the old file or the new
    one. So does a power cut if it is `durable`, which waits for the disk.
    """
    handle, name = tempfile.mkstemp(_PARTIAL, f".{path.name}.", path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        if durable:
            _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def point(link: Path, target: Path) -> None:
    """Make `link` name `target`, a file beside it, in one step; a copy where there are no links."""
    temporary = link.with_name(f".{link.name}{_PARTIAL}")
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(target.name)
    except (OSError, NotImplementedError):
        shutil.copyfile(target, temporary)
    temporary.replace(link)


def sweep(folder: Path) -> None:
    """Delete what a killed process has left half written in a folder."""
    for path in folder.glob(f".*{_PARTIAL}"):
        path.unlink(missing_ok=True)


def unwritable(path: Path, exc: OSError, whole: list[Path]) -> Diagnostic:
    """E710 for a file of a run."""
    full = exc.errno in FULL
    reason = "the disk is full" if full else (exc.strerror or str(exc)).lower()
    note = (f"`{whole[0]}` is whole: nothing before it is lost",) if whole else ()
    return error(
        "E710",
        f"cannot write `{path}`: {reason.splitlines()[0]}",
        notes=note,
        help="free some space and go on with `--resume`" if full else None,
    )


def _sync_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders, and needs no such call.
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
