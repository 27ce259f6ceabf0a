"""Plain values as TOML text: what a run folder keeps of the resolved spec and recipe."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def toml_text(values: Mapping[str, Any]) -> str:
    """A TOML document that `tomllib` reads back as `values`; None is left out."""
    return "\n".join(_table(values, ())).lstrip("\n") + "\n"


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """Scalars first: in TOML they would otherwise belong to the table before them."""
    lines = [f"{key} = {_value(v)}" for key, v in values.items() if v is not None and not _nests(v)]
    for key, value in values.items():
        header = ".".join((*path, key))
        if isinstance(value, Mapping):
            lines += ["", f"[{header}]", *_table(value, (*path, key))]
        elif _nests(value):
            for entry in value:
                lines += ["", f"[[{header}]]", *_table(entry, (*path, key))]
    return lines


def _nests(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and any(isinstance(entry, Mapping) for entry in value)
    )


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _float(value)
        case str():
            # TOML's basic strings know every escape that JSON writes, but not a bare DEL.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Sequence():
            return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _float(value: float) -> str:
    if math.isinf(value) or math.isnan(value):
        return repr(value)
    text = repr(value)
    return text if any(mark in text for mark in ".en") else f"{text}.0"
