"""How messages call the parts of a document, which differs between a spec and a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from archcompiler.config.path import SpecPath


class Remark(NamedTuple):
    """What to say of a mistake besides, or in place of, the words that fit every key."""

    message: str | None = None
    notes: tuple[str, ...] = ()
    help: str | None = None


@dataclass(frozen=True, eq=False)
class Wording:
    """The words for a kind of document; a subclass may know what is special to its keys."""

    root: str
    """The document as a whole, such as `the recipe`."""

    def value(self, path: SpecPath) -> str:
        """A value, as the subject of a message."""
        if not path:
            return self.root
        return f"`{path[-1]}`" if isinstance(path[-1], str) else f"an entry of `{path[-2]}`"

    def table(self, path: SpecPath) -> str:
        """A table, as the place where something is missing or unknown."""
        return f"`{'.'.join(map(str, path))}`" if path else self.root

    def alternatives(self, models: Sequence[type[BaseModel]]) -> str:
        """What may stand where one of these models may: `a table`, or also a word for one."""
        return "a table"

    def remark(self, path: SpecPath, kind: str, value: Any) -> Remark:
        """What is special about a mistake of pydantic's `kind`, such as `too_short`."""
        return Remark()
