"""Specs that were found, as files: each says what it changes, and what it is expected to cost."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archcompiler.compiler import compile_from
from archcompiler.config.files import Files
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError, Source, error
from archcompiler.files import new_folder, sweep, write_together
from archcompiler.search.axes import plain
from archcompiler.search.report import name_of
from archcompiler.search.searching import Candidate, Result
from archcompiler.spec.names import class_name


def write_specs(result: Result, candidates: Sequence[Candidate], folder: Path) -> list[Path]:
    """Write `FOLDER/NAME_1.toml` and so on, all or none, and return their paths.

    Every file is compiled before, and has to cost what was promised: that is its `[expect]`.
    Raises CompileError: E403 where one cannot be written, E407 where another file is, and what is
    wrong with a spec.
    """
    try:
        # A path that leads out of a folder is read only where there is that folder.
        with new_folder(folder):
            contents = _contents(result, candidates, folder)
            sweep(folder)
            write_together(contents)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        problem = error("E403", f"cannot write `{exc.filename or folder}`: {reason}")
        raise CompileError(problem) from None
    return list(contents)


def _contents(result: Result, candidates: Sequence[Candidate], folder: Path) -> dict[Path, bytes]:
    """The files, each of which compiles. Raises CompileError and OSError."""
    files = Files(result.space.root)
    contents: dict[Path, bytes] = {}
    for number, candidate in enumerate(candidates, 1):
        path = folder / f"{name_of(result.space, number)}.toml"
        text = spec_text(result, candidate, number, folder)
        try:
            compile_from(files, Source(path.as_posix(), text, "toml", path))
        except CompileError as exc:
            note = f"nothing is written: `{path}` is only what it would be"
            found = (replace(d, notes=(*d.notes, note)) for d in exc.diagnostics)
            raise CompileError(*found) from None
        contents[path] = text.encode()
        if path.exists() and path.read_bytes() != contents[path]:
            raise CompileError(error("E407", f"`{path}` is there already, and is left alone"))
    return contents


def spec_text(result: Result, candidate: Candidate, number: int, folder: Path) -> str:
    """One spec, which says of the other only what is to be another."""
    space, base = result.space, result.space.base.spec
    word = space.base.loaded.word
    name = name_of(space, number)
    cls = class_name(base.model_copy(update={"name": name, "class_name": None}))
    values: Mapping[str, Any] = {
        "extends": word or Path(os.path.relpath(space.base_path, folder)).as_posix(),
        "name": name,
        "class_name": cls if base.class_name else None,
        "title": f"{base.title}, variant {number}" if base.title else None,
        "description": f"A variant of {base.name}." if base.description else None,
        **plain(candidate.chosen),
        "expect": candidate.costs._asdict(),
    }
    head = f"# Number {number} of {result.count:,} found among {space.size:,} specs.\n"
    return head + toml_text(values)
