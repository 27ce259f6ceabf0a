"""One rule for `-o`: whether it is a folder, a file or the standard output."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import click

from archcompiler.cli.options import UserPath

What: TypeAlias = Literal["folder", "file", "stream"]
_STREAMS: Final = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
_EXTENSION: Final = re.compile(r"\.[a-z][a-z0-9]*", re.IGNORECASE | re.ASCII)
"""Not the end of `run-0.1`."""


@dataclass(frozen=True, eq=False)
class Destination:
    """Where `-o` points."""

    path: Path
    what: What

    @property
    def is_folder(self) -> bool:
        return self.what == "folder"

    @property
    def is_stream(self) -> bool:
        return self.what == "stream"

    def __str__(self) -> str:
        """As it may be given again: a folder that is not there yet needs its `/`."""
        text = self.path.as_posix()
        return f"{text}/" if self.is_folder and _EXTENSION.fullmatch(self.path.suffix) else text


class DestinationPath(UserPath):
    """The path of `-o` for a command that writes `folders`, files that end in one of the
    `suffixes`, or one file that may go to the standard output.

    A folder that is there is one, and so is what ends in `/` or has no extension. A command with
    neither folders nor suffixes takes a file of any name.
    """

    def __init__(
        self, suffixes: Collection[str] = (), *, folders: bool = False, stream: bool = False
    ) -> None:
        super().__init__(dir_okay=folders)
        self.suffixes = tuple(suffixes)
        self.folders, self.stream = folders, stream

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, Destination):
            return value
        text = os.fspath(value)
        if text in _STREAMS:
            if not self.stream:
                self.fail(f"`{text}`: this is not written to the standard output", param, ctx)
            return Destination(Path("-"), "stream")
        path: Path = super().convert(value, param, ctx)
        try:
            exists = path.exists()
        except OSError as exc:  # a name that is too long, a folder that may not be entered
            self.fail(f"`{path}`: {(exc.strerror or str(exc)).lower()}", param, ctx)
        is_folder, is_file = path.is_dir(), path.is_file()
        if exists and not is_folder and not is_file:
            self.fail(f"`{path}` is neither a file nor a folder", param, ctx)
        ends = text.endswith(tuple(filter(None, (os.sep, os.altsep))))
        extended = _EXTENSION.fullmatch(path.suffix) is not None
        if is_folder or ends or (self.folders and not extended and not is_file):
            if not self.folders:
                self.fail(f"`{text}` is a folder, and one file is written", param, ctx)
            return Destination(path, "folder")
        if (self.folders or self.suffixes) and path.suffix.lower() not in self.suffixes:
            self.fail(self._unknown(path, is_file), param, ctx)
        return Destination(path, "file")

    def _unknown(self, path: Path, is_file: bool) -> str:
        if not self.suffixes:
            problem = "is a file, and a folder is written"
        else:
            known = " or ".join(filter(None, (", ".join(self.suffixes[:-1]), self.suffixes[-1])))
            problem = f"does not end as a file that is written here, in {known}"
        folder = f"; a folder is `{path}/`" if self.folders and not is_file else ""
        return f"`{path}` {problem}{folder}"
