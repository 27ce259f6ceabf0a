"""Files that are written whole or not at all; the only place that writes over a file."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final, TypeAlias

if sys.platform != "win32":
    import fcntl

Content: TypeAlias = bytes | Callable[[IO[bytes]], object]
"""The bytes of a file, or what writes them into an open one."""

_PARTIAL: Final = re.compile(r"\..+\.[0-9a-f]{8}\.partial", re.DOTALL)
# How old a partial file is, in seconds, before it is taken for a leftover without a lock to ask.
_OLD: Final = 3600.0
_unfinished: Final[set[Path]] = set()


def write_whole(path: Path, content: Content, *, durable: bool = True) -> None:
    """Write a file through a temporary one beside it.

    Whatever is raised, and if the process is killed, the old file is there as it was. So it is,
    or the new one, after a power cut if the write is `durable`, which waits for the disk. A file
    that is replaced keeps its permissions, a new one has what the umask leaves. A symbolic link
    stays and what it names is written, there already or not: whoever put a link there wants the
    file elsewhere. Raises OSError, also where something is that is no file, such as a device.
    """
    write_together({path: content}, durable=durable)


def write_together(contents: Mapping[Path, Content], *, durable: bool = True) -> None:
    """Write several files as `write_whole` does one: none is replaced before all are written.

    The `filename` of an OSError is the path that was given.
    """
    targets: dict[Path, Path] = {}
    with ExitStack() as stack:
        files: dict[Path, IO[bytes]] = {}
        for path, content in contents.items():
            with _about(path):
                targets[path] = _target(path)
                files[path] = stack.enter_context(_partial(targets[path]))
                if callable(content):
                    content(files[path])
                else:
                    files[path].write(content)
                files[path].flush()
                if durable:
                    os.fsync(files[path].fileno())
        for path, file in files.items():
            with _about(path):
                _replace(targets[path], file)
    if durable:
        for folder in dict.fromkeys(target.parent for target in targets.values()):
            _sync_folder(folder)


def write_new(path: Path, content: bytes) -> None:
    """Write a file where there is none, and the folders above it.

    Raises FileExistsError, or another OSError with nothing left behind.
    """
    with new_folder(path.parent), path.open("xb") as file:
        try:
            file.write(content)
            file.flush()
        except OSError:
            path.unlink()
            raise


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, to last through a power cut. Raises OSError."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
    for made in missing:
        _sync_folder(made.parent)


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """`make_folder`, for what is written there: the folders go again where that fails."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        make_folder(folder)
        yield
    except BaseException:
        with suppress(OSError):
            for made in missing:
                made.rmdir()
        raise


def read_regular(path: Path, most: int) -> bytes:
    """The first `most` bytes of a file.

    Raises OSError, also for what is no regular file: to open a pipe could wait for ever, and a
    device may have no end.
    """
    _require_regular(path.stat())
    with path.open("rb") as file:
        return file.read(most)


def link_whole(link: Path, target: Path) -> None:
    """Make `link` name `target`, a file beside it, in one step; a copy where there are no links.

    Waits for the disk. Raises OSError.
    """
    temporary = _beside(link)
    with _deleted_unless_done(temporary):
        try:
            temporary.symlink_to(target.name)
        except (OSError, NotImplementedError):
            shutil.copyfile(target, temporary)
        temporary.replace(link)
    _sync_folder(link.parent)


def sweep(folder: Path) -> None:
    """Delete what killed processes have left half written in a folder, as far as that is allowed.

    What a living process is writing is locked, and stays.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            if _PARTIAL.fullmatch(path.name):
                with suppress(OSError):
                    _sweep(path)


def abandon() -> None:
    """Delete what this process has half written, because it is about to end."""
    for path in tuple(_unfinished):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _target(path: Path) -> Path:
    """The file to replace for `path`. Raises OSError unless it is a regular one, or none yet."""
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    with suppress(FileNotFoundError):
        _require_regular(target.stat())
    return target


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Have an OSError name the file that was to be written, not the one that was meanwhile."""
    try:
        yield
    except OSError as exc:
        exc.filename = os.fspath(path)
        raise


def _replace(target: Path, file: IO[bytes]) -> None:
    temporary = Path(file.name)
    with suppress(FileNotFoundError):
        temporary.chmod(target.stat().st_mode & 0o777)
    if sys.platform == "win32":
        file.close()  # An open file cannot be renamed there.
    temporary.replace(target)


@contextmanager
def _partial(target: Path) -> Iterator[IO[bytes]]:
    """A new file beside `target`, locked until it is renamed; deleted if it is not."""
    file = _create(target)
    with _deleted_unless_done(Path(file.name)), file:
        yield file


@contextmanager
def _deleted_unless_done(temporary: Path) -> Iterator[None]:
    _unfinished.add(temporary)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    finally:
        _unfinished.discard(temporary)


def _create(target: Path) -> IO[bytes]:
    while True:
        file = _beside(target).open("xb")
        if sys.platform != "win32":
            # Where a file system has no locks, the age of the file has to do.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # It was swept up before it was locked.


def _beside(path: Path) -> Path:
    # A name may have 255 bytes, and a file may have nearly as many already.
    name = os.fsdecode(os.fsencode(path.name)[:200])
    return path.with_name(f".{name}.{secrets.token_hex(4)}.partial")


def _sweep(path: Path) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) or time.time() - status.st_mtime > _OLD:
        path.unlink()
    elif stat.S_ISREG(status.st_mode) and sys.platform != "win32":
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _sync_folder(folder: Path) -> None:
    # The new file is in place: where folders cannot be opened or synced, there is no more to do.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
