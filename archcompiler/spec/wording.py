"""What messages about a spec say that those about any file would not."""

from __future__ import annotations

from typing import Any

from archcompiler.config.path import SpecPath
from archcompiler.config.wording import Remark, Wording
from archcompiler.language.library import Library

NAMES = "a name is lower-case letters, digits and `_`, and starts with a letter"
"""Of a block, a network or an output."""

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

    def remark(self, path: SpecPath, kind: str, value: Any) -> Remark:
        """What is special about a mistake of pydantic's `kind`."""
        match path, kind:
            case (*before, str() as key), "extra_forbidden":
                return Remark(help=_instead(tuple(before), key, value))
            case ("stages",), "tuple_type" if isinstance(value, dict):
                help = "each stage starts with `[[stages]]`, with two brackets"
                if value and all(str(key).isdecimal() for key in value):
                    help = "single stages can be changed only in a spec that `extends` another"
                return Remark(help=help)
            case ("input",), "missing" | "too_short" | "too_long" if not 2 <= len(value) <= 4:
                message = "`input` must have 2 to 4 entries, channels and one to three sizes"
                help = "for example `input = [3, 224, 224]`"
                return Remark(f"{message}, not {len(value)}", help=help)
            case ("head", "outputs", str() as name), "string_pattern_mismatch":
                return Remark(
                    f"an output cannot be called `{name}`: {NAMES}",
                    ("it becomes an identifier in the emitted code",),
                    _identifier("name", name),
                )
            case (*_, str() as key), "string_pattern_mismatch":
                return Remark(
                    _PATTERNS.get(key),
                    ("it becomes an identifier in the emitted code",),
                    _identifier(key, value),
                )
        return Remark()


def _instead(before: tuple[str | int, ...], key: str, value: Any) -> str | None:
    """What to write for a key that is not there, where a near name would not be what is meant."""
    match before, key:
        case (), "heads":
            return "there is one `head`; a block under `[blocks.NAME]` can be one of several parts"
        case _, "masks":
            return "a module has one `mask`; a block under `[blocks.NAME]` can join several"
        case ("stages", _), "blocks" | "count" | "layers" | "num_blocks" | "repeats" | "units":
            return "how many units a stage has is its `before`"
        case (*_, "mask"), "structure":
            return _structure(value)
        case () | ("stages", _), _ if key in _attention_options():
            return "it belongs into `attention` of this table"
    return None


def _structure(value: Any) -> str:
    """How a mask is told apart since masks are blocks."""
    types = {"local": "local", "encoder_decoder": "hourglass"}
    if isinstance(value, str) and value in types:
        return f'the kind of a mask is its `type`: write `type = "{types[value]}"`'
    return 'the kind of a mask is its `type`, for example `type = "local"`'


def _attention_options() -> tuple[str, ...]:
    definition = Library().find("attention", "modules")
    assert definition is not None
    return tuple(definition.options)


def _identifier(key: str, value: str) -> str | None:
    """The name that was probably meant."""
    words = "".join(c if c.isalnum() else " " for c in value).split()
    if key == "class_name":
        meant = "".join(word[:1].upper() + word[1:] for word in words)
    else:
        meant = "_".join(words).lower()
    return f"write `{meant}`" if meant.isascii() and meant[:1].isalpha() else None
