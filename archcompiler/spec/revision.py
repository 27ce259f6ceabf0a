"""Specs as they were in a revision of a git repository."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from archcompiler.config.files import MARKERS, Files
from archcompiler.diagnostics import CompileError, Source, error
from archcompiler.diagnostics.read import FORMATS, MAX_BYTES, file_source


class Revision(Files):
    """The files of a revision. What they extend is read from it too; nothing is checked out.

    Raises CompileError E107 where there is no such revision.
    """

    def __init__(self, revision: str, root: Path | None = None) -> None:
        super().__init__(root)
        self.revision = revision
        self.top = Path(os.fsdecode(_git(Path(), "rev-parse", "--show-toplevel")).strip("\n"))
        name = f"{revision}^{{commit}}"
        found = _git(Path(), "rev-parse", "--verify", "--quiet", "--end-of-options", name)
        self.commit = found.decode().strip()

    def read(self, path: Path, name: str, room: int = MAX_BYTES) -> Source:
        """The text of a file. Raises CompileError as that of a file on the disk."""
        kind, blob = self._entry(path)
        if kind is None:
            raise CompileError(error("E101", f"cannot read `{name}`: there is no such file"))
        if kind not in ("100644", "100755"):
            raise CompileError(error("E101", f"cannot read `{name}`: it is not a regular file"))
        size = int(_git(self.top, "cat-file", "-s", blob))
        # One byte more than there is room for is as much too large.
        data = b" " * size if size > room else _git(self.top, "cat-file", "blob", blob)
        return file_source(data, name, path, room)

    def name(self, path: Path) -> str:
        return f"{self.revision}:{path.as_posix()}"

    def resolve(self, path: Path) -> Path:
        # Links of the revision are refused, and those on the disk have no part in it.
        return Path(os.path.normpath(self._here() / path))

    def is_file(self, path: Path) -> bool:
        kind, _ = self._entry(path)
        return kind is not None and kind != "040000"

    def above(self, folder: Path) -> tuple[Path, str]:
        if self.root is not None:
            return super().above(folder)
        folder = self.resolve(folder)
        for parent in (folder, *folder.parents):
            if parent == self.top or self.is_file(parent / MARKERS[0]):
                return parent, "its project's"
        return folder, "its own"

    def _here(self) -> Path:
        """The current folder as git names its own, without links."""
        return Path.cwd().resolve()

    def _entry(self, path: Path) -> tuple[str | None, str]:
        """Mode and hash of what is at a path."""
        try:
            relative = self.resolve(path).relative_to(self.top.resolve()).as_posix()
        except (OSError, ValueError):
            return None, ""
        listed = _git(self.top, "ls-tree", "-z", "--full-tree", self.commit, "--", relative)
        mode, _, rest = listed.decode(errors="replace").partition(" ")
        return (mode, rest.split()[1].partition("\t")[0]) if rest else (None, "")


def split_revision(spec: Path) -> tuple[str, Path] | None:
    """`REV:PATH` as its two parts; None for the path of a file, whatever its name is."""
    revision, colon, path = str(spec).partition(":")
    if not colon or not revision or Path(path).suffix.lower() not in FORMATS:
        return None
    with suppress(OSError):  # of a name that is too long for a file
        if spec.exists():
            return None
    return revision, Path(path)


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise CompileError(error("E107", "git cannot be found", help="install git")) from None
    except subprocess.CalledProcessError as exc:
        lines = exc.stderr.decode(errors="replace").strip().splitlines()
        what = arguments[-1].removesuffix("^{commit}") if arguments[0] == "rev-parse" else "a file"
        message = f"git does not find the revision `{what}`"
        if "--show-toplevel" in arguments:
            message = "the current folder is in no repository of git"
        raise CompileError(error("E107", message, notes=lines[:1])) from None
    return done.stdout
