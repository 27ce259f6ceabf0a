"""A file as it stands in an editor: what is wrong with it, what it costs, where its values are."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from archcompiler.compiler import CompiledNetwork, compile_from
from archcompiler.config.base import Model
from archcompiler.config.extending import MAX_EXTENDS, read_extended
from archcompiler.config.files import Files, Kind, Stamp, find_shipped
from archcompiler.config.located import Located
from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span
from archcompiler.diagnostics.read import MAX_BYTES, file_source
from archcompiler.runner.recipe.loading import RECIPES, load_recipe
from archcompiler.runner.recipe.model import Recipe
from archcompiler.search.loading import load_space
from archcompiler.search.model import Space
from archcompiler.spec.loader import SPECS
from archcompiler.spec.model import Spec
from archcompiler.study.kinds import FileKind, kind_of_base, kind_of_document, schema_of
from archcompiler.study.loading import STUDIES, load_study
from archcompiler.study.model import Study
from archcompiler.syntax import Document, parse
from archcompiler.tables.report import Report, Row

_STAGES: Final = re.compile(
    r"""^[ \t]*(?:\[\[?[ \t]*stages\b|\[\[[ \t]*specs\b|stages[ \t]*=)|"stages"\s*:""", re.MULTILINE
)
"""What no other file has, to tell one that cannot be parsed at the moment."""
_HEADER: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
_EXTENDS: Final = {
    "toml": re.compile(r"^[ \t]*()extends[ \t]*=", re.MULTILINE),
    "json": re.compile(r'"extends"\s*:\s*"([^"\n]*)"'),
}
MODELS: Final[dict[FileKind, type[Model]]] = {
    "spec": Spec,
    "recipe": Recipe,
    "space": Space,
    "study": Study,
}
"""What the top of a file of each kind may have."""
_EXTENDED: Final = {"spec": SPECS, "recipe": RECIPES, "space": SPECS, "study": STUDIES}
"""What a file of each kind extends."""


class OpenFiles(Files):
    """Files as they stand in the editor, and on the disk where they are not open."""

    def __init__(
        self, opened: Callable[[Path], str | None], asked: dict[Path, Stamp] | None = None
    ) -> None:
        super().__init__(asked=asked)
        self.opened = opened

    def read(self, path: Path, name: str, room: int = MAX_BYTES) -> Source:
        text = self.opened(path)
        if text is None:
            return super().read(path, name, room)
        self.asked[path] = None
        return file_source(as_file(text), name, path, room)

    def is_file(self, path: Path) -> bool:
        self.asked.setdefault(path, None)
        return self.opened(path) is not None or super().is_file(path)

    def shipped(self) -> Files:
        return OpenFiles(self.opened, self.asked)

    def has_asked(self, paths: Collection[Path]) -> bool:
        """Whether anything here depends on one of these files, which are without links."""
        return any(real(path) in paths for path in self.asked)


def as_file(text: str) -> bytes:
    """The text of an editor as a file has it; half of a surrogate pair is not UTF-8 there."""
    return text.encode(errors="surrogatepass")


def real(path: Path) -> Path:
    """A path without links and dots, by which files are told apart."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path


@dataclass(frozen=True)
class Opened:
    """One text and all that follows from it."""

    source: Source
    files: OpenFiles
    before: FileKind | None = None
    """What the text was when it was parsed last, before it was edited."""

    @cached_property
    def kind(self) -> FileKind | None:
        """What the text is meant as; None for one of the many other TOML and JSON files.

        It is what the command line takes it for, where that cannot be chance: the schema is
        named, or a file is extended, or the stages of a network or two keys of another kind are
        there.
        """
        if self.document is None:
            return schema_of(self.source) or self.before or self._probable_kind()
        values = self.document.values
        found = kind_of_document(self.document, self.files)
        if found is None:
            base = values.get("extends")
            sure = "stages" in values or (isinstance(base, str) and self._is_of_ours(base))
            return "spec" if sure else None
        if schema_of(self.source) is not None or isinstance(values.get("extends"), str):
            return found
        keys = values.keys() & MODELS[found].model_fields.keys()
        sure = "stages" in keys if found == "spec" else len(keys) > 1
        return found if sure else None

    def _probable_kind(self) -> FileKind | None:
        """What a text is that cannot be parsed: then one kind is checked as any other."""
        text = self.source.text
        # In TOML a key of the file stands before all headers.
        head = _HEADER.split(text, 1)[0] if self.source.format == "toml" else text
        base = _EXTENDS[self.source.format].search(head)
        sure = _STAGES.search(text) is not None or (base and self._is_of_ours(base[1]))
        return "spec" if sure else None

    def _is_of_ours(self, base: str) -> bool:
        """Whether it extends a file of this compiler: JSON of other programs extends too."""
        toml = self.source.format == "toml"
        return toml or kind_of_base(base, self.source, self.files) is not None

    @cached_property
    def document(self) -> Document | None:
        """The values of the text alone; None where it cannot be parsed."""
        if len(self.source.text) > MAX_BYTES:  # which takes time, after each key stroke
            return None
        try:
            return parse(self.source)
        except CompileError:
            return None

    @cached_property
    def _compiled(self) -> CompiledNetwork | tuple[Diagnostic, ...]:
        """The network of a spec, or what is wrong with a file."""
        if self.kind is None:
            return ()
        try:
            path = self.source.path or Path(self.source.name)
            file_source(as_file(self.source.text), self.source.name, path)
            match self.kind:
                case "spec":
                    return compile_from(self.files, self.source)
                case "recipe":
                    load_recipe(self.source, files=self.files)
                case "space":
                    load_space(self.source, self.files)
                case "study":
                    load_study(self.source, files=self.files)
        except CompileError as found:
            return found.diagnostics
        return ()

    @property
    def network(self) -> CompiledNetwork | None:
        """The network; None if there is an error, or no spec."""
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
    def values(self) -> Located | None:
        """Its values with those that it extends; None where they cannot be read."""
        if self.kind is None or self.kind == "space":
            return None
        try:
            return read_extended(self.source, _EXTENDED[self.kind], self.files)[0]
        except CompileError:
            return None

    @cached_property
    def named(self) -> dict[SpecPath, Opened]:
        """The files that it names, where they can be read, by where it does."""
        kinds: dict[SpecPath, Kind] = {("extends",): _EXTENDED[self.kind or "spec"]}
        if self.kind == "study":
            specs = self.value(("specs",))
            count = len(specs) if isinstance(specs, list) else 0
            kinds |= {("recipe",): RECIPES} | {("specs", i, "spec"): SPECS for i in range(count)}
        found = {path: self._named(path, kind) for path, kind in kinds.items()}
        return {path: opened for path, opened in found.items() if opened is not None}

    @property
    def bases(self) -> Iterator[Opened]:
        """The file that it extends, what that extends, and so on."""
        base = self.named.get(("extends",))
        for _ in range(MAX_EXTENDS):  # which may go round in a circle
            if base is None:
                return
            yield base
            base = base.named.get(("extends",))

    def names(self, other: Source) -> Span:
        """Where it names another file, or one that extends that; else where it starts."""
        for path, opened in self.named.items():
            if any(each.source.path == other.path for each in (opened, *opened.bases)):
                return self.written(path) or Span(self.source, 0, 0)
        return self.written(("extends",)) or Span(self.source, 0, 0)

    def value(self, path: SpecPath) -> object:
        """A value that the text itself says; None if it does not."""
        value: object = self.document.values if self.document is not None else None
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def _named(self, path: SpecPath, kind: Kind) -> Opened | None:
        """The file that the value at a path names, where that can be read."""
        target = self.value(path)
        if not isinstance(target, str) or self.source.path is None:
            return None
        folder = self.source.path.parent
        try:
            found = find_shipped(kind, target, folder, self.files, self.source.path)
            file = found or folder / target
            return Opened(self.files.read(file, file.as_posix()), self.files)
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
            elif nearest <= span.start < key.start <= offset and span.text.startswith("["):
                # Below a header, which has the key in it, up to the next one.
                found, nearest = path, start
        steps = value.items() if isinstance(value, dict) else ()
        if isinstance(value, list):
            steps = enumerate(value)  # type: ignore[assignment]
        for step, inner in steps:
            visit(inner, (*path, step))

    visit(document.values, ())
    return found
