"""One run at a time in a folder: a lock that the system takes from a process that ends."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from archcompiler.diagnostics import CompileError, Diagnostic, error, warning
from archcompiler.runner.store.writing import no_place

_HELD = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})
"""What the system says where another process has the lock."""
_BEYOND = 1 << 30
"""A byte after the text: Windows lets nobody read what is locked."""


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock of a run, the file `path`; False where the file system has no locks.

    The file stays, with who had it last: to delete it would let two processes lock two files of
    one name. No child inherits the lock, so that nothing outlives its owner. On NFS it holds
    between machines if they mount it with locks, as is the default.

    Raises CompileError: E741 if another process holds it, E705 or E710 if it cannot be written.
    """
    try:
        # Without a buffer: what a full disk does not take is not written again when it is closed.
        file = path.open("ab+", buffering=0)
    except OSError as exc:
        raise CompileError(no_place(path, exc)) from None
    with file:
        try:
            _lock(file)
        except OSError as exc:
            if exc.errno in _HELD:
                raise CompileError(_in_use(path)) from None
            yield False
            return
        # Whoever is refused reads it. On a full disk it is left out: the lock holds all the same.
        with suppress(OSError):
            file.truncate(0)
            owner = {"host": socket.gethostname(), "pid": os.getpid()}
            file.write(json.dumps(owner).encode() + b"\n")
        yield True


def unlocked(folder: Path) -> Diagnostic:
    """W741 for a folder that cannot be locked."""
    return warning(
        "W741",
        f"the file system of `{folder}` has no locks",
        notes=("nothing keeps a second run out of the folder",),
    )


def _in_use(path: Path) -> Diagnostic:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        who = f"process {owner['pid']} on `{owner['host']}`"
    except (OSError, ValueError, TypeError, KeyError):
        who = "another process"
    return error(
        "E741",
        f"{who} is training in `{path.parent}`",
        help="wait for it or stop it, or name another folder with `--out`",
    )


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(_BEYOND)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
