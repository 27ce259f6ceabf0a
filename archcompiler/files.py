"""Files that are written whole or not at all; the only place that writes over a file."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, TypeAlias

Content: TypeAlias = bytes | Callable[[IO[bytes]], object]
"""The bytes of a file, or what writes them into an open one."""

_PARTIAL: Final = ".partial"


def write_whole(path: Path, content: Content, *, durable: bool = True) -> None:
    """Write a file through a temporary one beside it.

    Whatever is raised, and if the process is killed, the old file is there as it was. So it is,
    or the new one, after a power cut if the write is `durable`, which waits for the disk. A file
    that is replaced keeps its permissions, a new one has what the umask leaves. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL}")
    try:
        with temporary.open("xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and what is missing above it, and wait for the disk. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        _sync_folder(folder.parent)


def link_whole(link: Path, target: Path) -> None:
    """Make `link` name `target`, a file beside it, in one step; a copy where there are no links.

    Waits for the disk. Raises OSError.
    """
    temporary = link.with_name(f".{link.name}{_PARTIAL}")
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(target.name)
    except (OSError, NotImplementedError):
        shutil.copyfile(target, temporary)
    temporary.replace(link)
    _sync_folder(link.parent)


def sweep(folder: Path) -> None:
    """Delete what a killed process has left half written in a folder."""
    for path in folder.glob(f".*{_PARTIAL}"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # The new file is in place: where folders cannot be opened or synced, there is no more to do.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
