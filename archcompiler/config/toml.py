"""Plain values as TOML, line by line, so that each line can be told where its value comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from archcompiler.config.path import SpecPath


class Line(NamedTuple):
    """One line of a document; `path` is that of its value, None for a header or an empty line."""

    text: str
    path: SpecPath | None = None


def toml_text(values: Mapping[str, Any]) -> str:
    """A TOML document that `tomllib` reads back as `values`; a key that is None is left out.

    Raises TypeError for what TOML has no notation for.
    """
    return "\n".join(line.text for line in toml_lines(values)).lstrip("\n") + "\n"


def toml_lines(
    values: Mapping[str, Any],
    path: SpecPath = (),
    inline: Callable[[SpecPath], bool] = lambda _: False,
) -> Iterator[Line]:
    """The lines of a table: first what stands on one line, then its tables with their headers.

    In the other order TOML would take a value for one of the table above it. A table for whose
    path `inline` holds stands on one line.
    """
    present = {key: value for key, value in values.items() if value is not None}
    headers = {k for k, v in present.items() if _headed(v, (*path, k), inline)}
    for key, value in present.items():
        if key not in headers:
            yield Line(f"{_key(key)} = {toml_value(value)}", (*path, key))
    for key, value in present.items():
        if key not in headers:
            continue
        header = ".".join(_key(step) for step in (*path, key) if isinstance(step, str))
        if isinstance(value, Mapping):
            # A table of nothing but tables with headers needs none itself.
            if not value or not all(_headed(v, (*path, key, k), inline) for k, v in value.items()):
                yield from (Line(""), Line(f"[{header}]"))
            yield from toml_lines(value, (*path, key), inline)
        elif _has_header(value):
            for index, entry in enumerate(value):
                yield from (Line(""), Line(f"[[{header}]]"))
                yield from toml_lines(entry, (*path, key, index), inline)


def _headed(value: Any, path: SpecPath, inline: Callable[[SpecPath], bool]) -> bool:
    return _has_header(value) and not inline(path)


def _has_header(value: Any) -> bool:
    """Whether a value is a table or an array of nothing but tables."""
    if isinstance(value, Mapping):
        return True
    return _is_array(value) and bool(value) and all(isinstance(e, Mapping) for e in value)


def _is_array(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted(key)


def toml_value(value: Any) -> str:
    """A value on one line. Raises TypeError for what TOML has no notation for."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return quoted(value)
        case Mapping():
            entries = (f"{_key(k)} = {toml_value(v)}" for k, v in value.items() if v is not None)
            return f"{{ {', '.join(entries)} }}"
        case _ if _is_array(value):
            return f"[{', '.join(map(toml_value, value))}]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def quoted(text: str) -> str:
    """A text in quotes, on one line of characters that show; YAML reads it as well."""
    # TOML's basic strings know every escape that JSON writes, and one for what does not fit in it.
    written = json.dumps(text, ensure_ascii=False)
    return written if written.isprintable() else "".join(map(_escape, written))


def _escape(character: str) -> str:
    """A character that shows, or its escape: a file is read in terminals, and by eyes."""
    code = ord(character)
    if character.isprintable():
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
