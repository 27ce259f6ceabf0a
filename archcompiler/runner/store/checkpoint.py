"""Checkpoint files: written whole or not at all, with a checksum inside, the last few kept.

A checkpoint is a table of tensors, numbers and strings, so that `torch.load` reads it with
`weights_only=True`. Under `model` are the weights for the bare emitted file.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

import torch
from torch import Tensor

from archcompiler.diagnostics import CompileError, Diagnostic, error, warning
from archcompiler.files import link_whole, write_whole
from archcompiler.runner.store.contents import BadCheckpointError, require_whole
from archcompiler.runner.store.writing import FULL, unwritable

FORMAT = "archcompiler-checkpoint-1"
Contents = dict[str, Any]


class Checkpoints:
    """The folder `checkpoints` of a run: `iteration-N.pt`, and the links `last.pt`, `best.pt`."""

    def __init__(self, folder: Path, keep: int = 3) -> None:
        self.folder = folder
        self.keep = keep

    @property
    def last(self) -> Path:
        return self.folder / "last.pt"

    @property
    def best(self) -> Path:
        return self.folder / "best.pt"

    def paths(self) -> list[Path]:
        """All checkpoints by iteration, the newest first."""
        return sorted(self.folder.glob("iteration-*.pt"), reverse=True)

    def save(self, contents: Contents, *, best: bool) -> Path:
        """Write a checkpoint and point `last.pt`, perhaps `best.pt`, to it.

        Raises CompileError E710 if it cannot be written; the ones before it are whole still.
        """
        path = self.folder / f"iteration-{contents['iteration']:09d}.pt"
        contents = {**contents, "format": FORMAT}
        contents["checksum"] = checksum(contents)

        def write(file: IO[bytes]) -> None:
            remembering = _Remembering(file)
            try:
                torch.save(contents, cast("IO[bytes]", remembering))
            except RuntimeError:
                if remembering.problem is None:
                    raise
                raise remembering.problem from None

        try:
            try:
                write_whole(path, write)
            except OSError as exc:
                if exc.errno not in FULL or not self._prune(1):
                    raise
                write_whole(path, write)
            link_whole(self.last, path)
            if best:
                link_whole(self.best, path)
        except OSError as exc:
            raise CompileError(unwritable(path, exc, self.paths())) from None
        self._prune(self.keep)
        return path

    def newest(self) -> tuple[Path, Contents, list[Diagnostic]] | None:
        """The newest checkpoint that is whole, and a warning for each newer one that is not.

        None if there is no checkpoint. Raises CompileError E706 if none is whole.
        """
        candidates = self.paths()
        if self.last.exists() and self.last.resolve() not in {p.resolve() for p in candidates}:
            candidates.insert(0, self.last)
        broken: list[tuple[Path, BadCheckpointError]] = []
        for path in candidates:
            try:
                contents = read(path)
            except BadCheckpointError as exc:
                broken.append((path, exc))
                continue
            notes = [
                warning(
                    "W706",
                    f"the checkpoint `{name}` is corrupt: {why}",
                    notes=(f"`{path}`, the one before it, is used instead",),
                )
                for name, why in broken
            ]
            return path, contents, notes
        if broken:
            raise CompileError(*(corrupt(p, why) for p, why in broken))
        return None

    def relink(self, last: Path, best: int | None) -> None:
        """Point `last.pt` and, to an iteration, `best.pt`, if a crash has kept them from it.

        Raises CompileError E710.
        """
        wanted = {self.last: last}
        if best is not None:
            wanted[self.best] = self.folder / f"iteration-{best:09d}.pt"
        for link, path in wanted.items():
            if path.is_file() and not (link.exists() and link.samefile(path)):
                try:
                    link_whole(link, path)
                except OSError as exc:
                    raise CompileError(unwritable(link, exc, self.paths())) from None

    def _prune(self, keep: int) -> bool:
        """Delete all but the newest `keep` and the ones that have links; whether any was."""
        linked = {p.resolve() for p in (self.last, self.best) if p.exists()}
        old = [p for p in self.paths()[keep:] if p.resolve() not in linked]
        deleted = False
        for path in old:
            with suppress(OSError):  # The next checkpoint tries again.
                path.unlink(missing_ok=True)
                deleted = True
        return deleted


class _Remembering(io.RawIOBase):
    """A file that keeps the reason of a failed write, which torch forgets."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.problem: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return self.file.write(data)
        except OSError as exc:
            self.problem = exc
            raise


def load(path: Path) -> Contents:
    """Read a checkpoint onto the CPU. Raises CompileError E706."""
    try:
        return read(path)
    except BadCheckpointError as exc:
        raise CompileError(corrupt(path, exc)) from None


def corrupt(path: Path, why: BadCheckpointError) -> Diagnostic:
    """E706 for a checkpoint."""
    return error("E706", f"the checkpoint `{path}` is corrupt: {why}")


def read(path: Path) -> Contents:
    """Read a checkpoint onto the CPU. Raises BadCheckpointError."""
    contents = archive(path)
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise BadCheckpointError("it was not written by this runner")
    return verified(contents)


def archive(path: Path) -> Any:
    """What `torch.save` has written, onto the CPU. Raises BadCheckpointError."""
    with _reasoned(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of archives that no run has written
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as exc:
            # Not in torch's words, which go on with how to have it run all the same.
            code = "Unsupported global" in str(exc) or "Unsupported class" in str(exc)
            reason = "it holds objects whose code would be run" if code else "it holds no tensors"
            raise BadCheckpointError(reason) from None


def verified(contents: Contents) -> Contents:
    """The contents of a checkpoint, if they are those that were written. Raises
    BadCheckpointError.
    """
    with _reasoned():
        expected = contents.pop("checksum", None)
        require_whole(contents)
        if checksum(contents) != expected:
            raise BadCheckpointError("its checksum is not that of its contents")
        return contents


def classes_of(contents: Contents) -> tuple[str, ...] | None:
    """Names, by number; None in a checkpoint that was written before they were kept."""
    names = contents.get("classes")
    return None if names is None else tuple(names)


@contextmanager
def _reasoned() -> Iterator[None]:
    """Turn whatever a torn or made up archive makes of its reader into BadCheckpointError."""
    try:
        yield
    except BadCheckpointError:
        raise
    except Exception as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise BadCheckpointError(reason[:200]) from None


def checksum(contents: Mapping[str, Any]) -> str:
    """SHA-256 over every name, number and byte."""
    digest = hashlib.sha256()
    for name, value in _leaves(contents, ""):
        digest.update(name.encode())
        if isinstance(value, Tensor):
            digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
            if value.numel():
                digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _leaves(value[key], f"{name}/{key}")
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            yield from _leaves(entry, f"{name}/{i}")
    else:
        yield name, value
