"""A parsed spec: its values, and where each of them is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from archcompiler.diagnostics import Source, Span

if TYPE_CHECKING:
    from archcompiler.syntax.place import Place

Part: TypeAlias = Literal["key", "value", "table"]


class Written(Protocol):
    """Something that values were read from: a `Document` or a `--set` argument."""

    @property
    def source(self) -> Source: ...
    def span(self, path: Sequence[str | int], part: Part = "value") -> Span: ...


@dataclass(frozen=True, eq=False)
class Document:
    """The values of a spec, with a span for each, found only when one is asked for."""

    source: Source
    values: dict[str, Any]

    def span(self, path: Sequence[str | int], part: Part = "value") -> Span:
        """Where the value at `path` (keys and indices from the root) is written.

        `key` is its key: in a header, the last one. `value` is its text: of a table with a
        header, the header; of an inline table or array over several lines, the bracket that
        opens it. `table` is where to say that something is missing in it. For a path that is
        not in the text, the `table` of its nearest ancestor that is.
        """
        place = self._root
        for step in path:
            child = place.children.get(step)
            if child is None:
                part = "table"
                break
            place = child
        start, end = place.key if part == "key" and place.key is not None else place.value
        return Span(self.source, start, end)

    @cached_property
    def _root(self) -> Place:
        if self.source.format == "json":
            from archcompiler.syntax.json import locate
        else:
            from archcompiler.syntax.toml_places import locate
        return locate(self.source.text).root
