"""Data files, and what to say of one that is not as it should be."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from archcompiler.diagnostics import CompileError, Diagnostic, error, warning

LARGEST = 1 << 30
"""Bytes that a file of a small data set may unpack to; CIFAR-100's largest has 155 MB."""


def bad_data(message: str, *notes: str, help: str | None = None) -> CompileError:
    """E704, ready to be raised."""
    return CompileError(error("E704", message, notes=notes, help=help))


def unreadable(missed: Mapping[str, str]) -> Diagnostic:
    """W733 about files that were left out, with the reason for each."""
    several = len(missed) != 1
    images = f"{len(missed):,} images were" if several else "1 image was"
    listed = [f"`{path}`: {reason}" for path, reason in sorted(missed.items())[:5]]
    more = [f"and {len(missed) - 5:,} more"] if len(missed) > 5 else []
    they = "they" if several else "it"
    return warning("W733", f"{images} left out, as {they} cannot be read", notes=[*listed, *more])


def require_read(images: int, missed: Mapping[str, str]) -> None:
    """Raise CompileError E704 if an evaluation is of no image."""
    if not images:
        problem = error("E704", "images: not one of those to evaluate on can be read")
        raise CompileError(problem, *([unreadable(missed)] if missed else []))


def find(folder: Path, names: Sequence[str], what: str) -> Path:
    """The first of `names` that is in `folder`. Raises CompileError E704."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    state = "" if folder.is_dir() else ", which is not a folder"
    raise bad_data(
        f"{what}: no `{names[0]}` in `{folder}`{state}",
        *([f"`{'`, `'.join(names[1:])}` would do as well"] if names[1:] else []),
        help="name the folder of your copy with `--set data.path=FOLDER`",
    )


def read(path: Path, what: str) -> bytes:
    """The bytes of a file, unpacked if its name ends in `.gz`. Raises CompileError E704."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
        raise bad_data(f"{what}: `{path}` is truncated or not gzip: {exc}") from None
    except OSError as exc:
        raise bad_data(f"{what}: cannot read `{path}`: {exc.strerror or exc}") from None
    if len(data) > LARGEST:
        raise bad_data(f"{what}: `{path}` is larger than any file of this data set")
    return data
