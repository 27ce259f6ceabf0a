"""A spec as it stands in an editor: what is wrong with it, what it costs, where its values are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from archcompiler.compiler import CompiledNetwork, compile_from
from archcompiler.config.files import Files
from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span
from archcompiler.diagnostics.read import FORMATS, MAX_BYTES
from archcompiler.syntax import Document, parse
from archcompiler.tables.report import Report, Row

_ASKS: Final = re.compile(r"archcompiler[\w.-]*\.schema\.json")
"""The schema that a file names, in a comment or under `$schema`."""
_STAGES: Final = re.compile(r"^\s*(?:\[\[?\s*stages\b|stages\s*=|\"stages\"\s*:)", re.MULTILINE)
"""What no other file has, to tell a spec that cannot be parsed at the moment."""


class OpenFiles(Files):
    """Files as they stand in the editor, and on the disk where they are not open."""

    def __init__(self, opened: Callable[[Path], str | None]) -> None:
        super().__init__()
        self.opened = opened

    def read(self, path: Path, name: str, room: int = MAX_BYTES) -> Source:
        text = self.opened(path)
        if text is None:
            return super().read(path, name, room)
        self.asked[path] = None
        return Source(name, text.replace("\r\n", "\n"), FORMATS[path.suffix.lower()], path)


@dataclass(frozen=True)
class Opened:
    """One text and all that follows from it."""

    source: Source
    files: Files

    @cached_property
    def is_spec(self) -> bool:
        """Whether the text is meant as a spec, and not as one of the many other TOML files."""
        text = self.source.text
        if _ASKS.search(text) is not None or self.document is None:
            return _ASKS.search(text) is not None or _STAGES.search(text) is not None
        values = self.document.values
        return "stages" in values or isinstance(values.get("extends"), str)

    @cached_property
    def document(self) -> Document | None:
        """The values of the text alone; None where it cannot be parsed."""
        try:
            return parse(self.source)
        except CompileError:
            return None

    @cached_property
    def _compiled(self) -> CompiledNetwork | tuple[Diagnostic, ...]:
        try:
            return compile_from(self.files, self.source)
        except CompileError as found:
            return found.diagnostics

    @property
    def network(self) -> CompiledNetwork | None:
        """The network; None if there is an error."""
        return self._compiled if isinstance(self._compiled, CompiledNetwork) else None

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What the command line would say of it."""
        found = self._compiled
        return found.warnings if isinstance(found, CompiledNetwork) else found

    @cached_property
    def report(self) -> Report | None:
        return Report(self.network, self.network.graph, "stage") if self.network else None

    @cached_property
    def rows(self) -> dict[str, Row]:
        """Costs by the name of a stage, `stem` and `head`; empty if there is an error."""
        return {row.name: row for row in self.report.rows} if self.report is not None else {}

    @cached_property
    def base(self) -> Opened | None:
        """The spec that it extends, where that can be read."""
        target = self.document.values.get("extends") if self.document is not None else None
        if not isinstance(target, str) or self.source.path is None:
            return None
        from archcompiler.config.files import find_shipped
        from archcompiler.spec.loader import SPECS

        folder = self.source.path.parent
        try:
            found = find_shipped(SPECS, target, folder, self.files, self.source.path)
            path = found or folder / target
            return Opened(self.files.read(path, path.as_posix()), self.files)
        except (CompileError, OSError, KeyError):
            return None

    def written(self, path: SpecPath) -> Span | None:
        """Where this text itself says a value, by its key; None if it does not."""
        if self.document is None:
            return None
        value: object = self.document.values
        found: list[str | int] = []
        for step in path:
            # A spec that extends another changes stages by their numbers.
            for key in (step, str(step), int(step) if str(step).isdecimal() else step):
                entries = dict(enumerate(value)) if isinstance(value, list) else value
                if isinstance(entries, dict) and key in entries:
                    value = entries[key]
                    found.append(key)
                    break
            else:
                return None
        return self.document.span(found, "key")

    def path_at(self, offset: int) -> SpecPath:
        """The value that a place in the text belongs to: that of its key, or around it."""
        return _path_at(self.document, offset) if self.document is not None else ()


def _path_at(document: Document, offset: int) -> SpecPath:
    found: SpecPath = ()
    nearest = -1

    def visit(value: object, path: SpecPath) -> None:
        nonlocal found, nearest
        if path:
            key, span = document.span(path, "key"), document.span(path)
            start = min(key.start, span.start)
            if start <= offset <= max(key.end, span.end) and start >= nearest:
                found, nearest = path, start
            elif start <= offset and start > nearest and span.text.startswith("["):
                # Below a header, up to the next one.
                found, nearest = path, start
        steps = value.items() if isinstance(value, dict) else ()
        if isinstance(value, list):
            steps = enumerate(value)  # type: ignore[assignment]
        for step, inner in steps:
            visit(inner, (*path, step))

    visit(document.values, ())
    return found
