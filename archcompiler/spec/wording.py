"""What messages about a spec say that those about any file would not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from archcompiler.config.path import SpecPath
from archcompiler.config.wording import Remark, Wording
from archcompiler.spec.model import Reference

_PATTERNS = {
    "name": "`name` must be lower-case letters, digits and `_`, and start with a letter",
    "class_name": "`class_name` must be letters and digits, and start with a capital",
}


class SpecWording(Wording):
    """Stages are counted from 1, and some keys have rules of their own."""

    def value(self, path: SpecPath) -> str:
        """A value, as the subject of a message."""
        match path:
            case ("stages", int() as i):
                return f"stage {i + 1}"
        return super().value(path)

    def table(self, path: SpecPath) -> str:
        """A table, as the place where something is missing or unknown."""
        match path:
            case ("stages", int() as i, *rest):
                inner = ".".join(map(str, rest))
                return f"`{inner}` of stage {i + 1}" if rest else f"stage {i + 1}"
            case ("stages", str() as i, *rest) if i.isdecimal():
                return self.table(("stages", int(i), *rest))
        return super().table(path)

    def alternatives(self, models: Sequence[type[BaseModel]]) -> str:
        """A unit type may be given by its name alone."""
        unit = any(issubclass(model, Reference) for model in models)
        return "a name or a table" if unit else "a table"

    def remark(self, path: SpecPath, kind: str, value: Any) -> Remark:
        """What is special about a mistake of pydantic's `kind`."""
        match path, kind:
            case ("stages",), "tuple_type" if isinstance(value, dict):
                help = "each stage starts with `[[stages]]`, with two brackets"
                if value and all(str(key).isdecimal() for key in value):
                    help = "single stages can be changed only in a spec that `extends` another"
                return Remark(help=help)
            case ("input",), "missing" | "too_short" | "too_long":
                message = f"`input` must have 3 entries, C, H and W, not {len(value)}"
                return Remark(message, help="for example `input = [3, 224, 224]`")
            case (*_, str() as key), "string_pattern_mismatch":
                return Remark(
                    _PATTERNS.get(key),
                    ("it becomes an identifier in the emitted code",),
                    _identifier(key, value),
                )
        return Remark()


def _identifier(key: str, value: str) -> str | None:
    """The name that was probably meant."""
    words = "".join(c if c.isalnum() else " " for c in value).split()
    if key == "class_name":
        meant = "".join(word[:1].upper() + word[1:] for word in words)
    else:
        meant = "_".join(words).lower()
    return f"write `{meant}`" if meant.isascii() and meant[:1].isalpha() else None
