"""A file is written whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from archcompiler.files import (
    link_whole,
    make_folder,
    read_regular,
    sweep,
    write_new,
    write_together,
    write_whole,
)

posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"old")
    return tmp_path / "file"


@pytest.fixture(params=[0o022, 0o027, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("durable", [False, True])
def test_bytes_and_what_writes_them(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one", durable=durable)
    assert path.read_bytes() == b"one"
    write_whole(path, lambda file: file.write(b"two"), durable=durable)
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_a_new_file_has_what_the_umask_leaves(tmp_path: Path, umask: int) -> None:
    path, plain = tmp_path / "file", tmp_path / "plain"
    write_whole(path, b"new")
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@posix
def test_a_file_that_is_replaced_keeps_its_permissions(path: Path, umask: int) -> None:
    path.chmod(0o664)
    write_whole(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file(
    path: Path, step: str, failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise failure

    monkeypatch.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, step, fail)))
    with pytest.raises(type(failure)):
        write_whole(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_writer_that_fails_half_way_leaves_the_old_file(path: Path) -> None:
    def write(file: IO[bytes]) -> None:
        file.write(b"half")
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        write_whole(path, write)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@posix
def test_a_folder_that_cannot_be_synced_is_no_failure(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, []

    def only_files(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(errno.EINVAL, "not here")
        real(handle)

    monkeypatch.setattr(os, "fsync", only_files)
    write_whole(path, b"new")
    assert len(calls) == 2
    assert path.read_bytes() == b"new"


@posix
def test_what_a_killed_process_leaves_is_swept_up(path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from archcompiler.files import write_whole\n"
        "write_whole(Path(sys.argv[1]), lambda file: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)])
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(list(path.parent.iterdir())) == 2
    sweep(path.parent)
    assert list(path.parent.iterdir()) == [path]


@posix
def test_what_a_living_process_writes_is_not_swept_up(path: Path) -> None:
    def write(file: IO[bytes]) -> None:
        sweep(path.parent)
        file.write(b"new")

    write_whole(path, write)
    assert path.read_bytes() == b"new"


def test_what_others_call_partial_is_not_swept_up(path: Path) -> None:
    others = [path.with_name(name) for name in ("a.partial", ".a.partial", ".a.0123abcd.part")]
    for other in others:
        other.touch()
    sweep(path.parent)
    assert sorted(path.parent.iterdir()) == sorted([path, *others])


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_written(path: Path, there: bool, tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "below" / "target"
    target.parent.mkdir()
    if there:
        target.write_bytes(b"old")
    link.symlink_to(Path("below", "target"))
    write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


@posix
@pytest.mark.parametrize("kind", ["pipe", "link to a device", "folder", "link to itself"])
def test_what_is_no_file_is_neither_read_nor_written(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "link to a device" else path)
    before = path.lstat()
    for act in (lambda: write_whole(path, b"new"), lambda: read_regular(path, 8)):
        with pytest.raises(OSError, match=r"not a regular file|s a directory|levels of"):
            act()
    assert path.lstat().st_ino == before.st_ino
    assert list(tmp_path.iterdir()) == [path]


def test_several_files_are_replaced_after_all_are_written(path: Path) -> None:
    other = path.with_name("other")

    def write(file: IO[bytes]) -> None:
        assert path.read_bytes() == b"old"
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full") as caught:
        write_together({path: b"new", other: write})
    assert caught.value.filename == str(other)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
    write_together({path: b"new", other: b"other"})
    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"other")


def test_a_name_as_long_as_there_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


@posix
def test_folders_are_synced_with_those_they_are_made_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    make_folder(tmp_path / "a" / "b")
    assert set(synced) == {tmp_path.stat().st_ino, (tmp_path / "a").stat().st_ino}


def test_a_new_file_that_cannot_be_written_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nnn"):
        write_new(tmp_path / "a" / "b" / ("n" * 300), b"new")
    assert not (tmp_path / "a").exists()
    write_new(tmp_path / "a" / "b" / "n", b"new")
    assert (tmp_path / "a" / "b" / "n").read_bytes() == b"new"


@pytest.mark.parametrize("links", [True, False])
def test_a_link_is_changed_in_one_step(
    path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*arguments: object) -> None:
        raise NotImplementedError

    if not links:
        monkeypatch.setattr(Path, "symlink_to", none)
    other, link = path.with_name("other"), path.with_name("link")
    other.write_bytes(b"other")
    for target in (path, other):
        link_whole(link, target)
        assert link.read_bytes() == target.read_bytes()
        assert link.is_symlink() is links
    assert sorted(path.parent.iterdir()) == [path, link, other]
