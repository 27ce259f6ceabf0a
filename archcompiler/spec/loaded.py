"""A valid spec that knows where each of its values is written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

from archcompiler.config.located import Located
from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import Source, Span
from archcompiler.language.library import Home, Library
from archcompiler.spec.model import Spec
from archcompiler.syntax.document import Part


@dataclass(frozen=True, eq=False)
class LoadedSpec:
    """A valid spec with the text behind each of its values."""

    spec: Spec
    values: Located
    source: Source
    library: Library = field(repr=False, compare=False)
    """The blocks that it can name."""
    settings: tuple[str, ...] = ()
    word: str | None = None
    """What it is called on a command line, where that is no path: the name of a shipped spec."""

    def span(self, path: SpecPath, part: Part = "value") -> Span:
        """Where the value at `path` is written; for a default, where it would be."""
        written = self.written(path, part)
        return self.values.nearest(path) if written is None else written

    def written(self, path: SpecPath, part: Part = "value") -> Span | None:
        """Where the value that holds at `path` is written, there or where `path` has it from."""
        node: Located | None = self.values
        for depth, step in enumerate(path, 1):
            node = node.child(step) if node is not None else None
            inherited = _inherited(path[:depth])
            if node is None and inherited is not None:
                return self.written((*inherited, *path[depth:]), part)
        return None if node is None else node.span(part)

    @cached_property
    def sha256(self) -> str:
        """Hash of what the spec means: the same for TOML and JSON, order of keys and `extends`.

        The blocks that it uses are part of that, its own as well as others; those that it does
        not use are not.
        """
        from archcompiler.spec.resolved import resolved, used

        values = resolved(self.spec, self.library)
        # What is expected of a network does not make it another.
        values.pop("expect", None)
        del values["blocks"]
        values["blocks"] = [self._text(name, home) for home, name in used(self.spec, self.library)]
        values["blocks"].sort()
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _text(self, name: str, home: Home) -> str:
        table = self.library.table(name, home)
        assert table is not None
        plain = table.plain()
        # What is said about a block means nothing to the network.
        for key in ("title", "source"):
            plain.pop(key, None)
        # `width = 2` is `width = { default = 2 }`.
        options = plain.get("options", {})
        for key, option in options.items():
            said = option if isinstance(option, dict) else {"default": option}
            options[key] = {name: value for name, value in said.items() if name != "help"}
        # The order of steps is that of execution; that of other keys means nothing.
        plain["steps"] = list(plain.get("steps", {}).items())
        return json.dumps([home, name, plain], sort_keys=True, ensure_ascii=False)


def _inherited(path: SpecPath) -> SpecPath | None:
    """Where a unit type comes from that is not written at `path`."""
    match path:
        case ("stages", int() as i, "attention", "mask", "unit"):
            return ("stages", i, "attention", "trunk")
        case ("stages", int() as i, "attention", "trunk"):
            return ("stages", i, "unit")
        case ("stages", int(), "unit"):
            return ("unit",)
    return None
