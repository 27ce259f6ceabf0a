"""A resolved spec as TOML, each value with where it comes from. The text is itself a valid spec."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from archcompiler.ir import SpecPath
from archcompiler.spec.loader import LoadedSpec
from archcompiler.spec.located import Located

Line = tuple[str, str]
"""A line of TOML, and its comment."""


def show(loaded: LoadedSpec) -> str:
    """Every value that the compiler goes by, as TOML with `# file:line`, `# --set` or `# default`.

    What nobody set and has no default of its own is left out, as is the `attention` of a stage
    that is the network's.
    """
    values = loaded.spec.model_dump(mode="json", exclude_none=True)
    for stage in values["stages"]:
        if stage["attention"] == values["attention"]:
            del stage["attention"]
    lines = list(_table(loaded, (), values))
    # A description may be long: its comment follows it, and the others keep their column.
    width = max(len(text) for text, comment in lines if comment and len(text) <= 48)
    rows = (f"{text:<{width}}  # {comment}" if comment else text for text, comment in lines)
    return "\n".join(rows).strip() + "\n"


def _table(loaded: LoadedSpec, path: SpecPath, table: dict[str, Any]) -> Iterator[Line]:
    later = []
    for key, value in table.items():
        if isinstance(value, dict) or (value and isinstance(value, list) and _is_table(value[0])):
            later.append(key)
        else:
            yield f"{key} = {_toml(value)}", _origin(loaded, (*path, key))
    for key in later:
        name = ".".join(str(step) for step in (*path, key) if isinstance(step, str))
        if isinstance(table[key], dict):
            yield from (("", ""), (f"[{name}]", ""))
            yield from _table(loaded, (*path, key), table[key])
        else:
            for i, entry in enumerate(table[key]):
                yield from (("", ""), (f"[[{name}]]", ""))
                yield from _table(loaded, (*path, key, i), entry)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _toml(value: object) -> str:
    """A scalar or an array of scalars. JSON's notation is TOML's, but for the DEL character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _origin(loaded: LoadedSpec, path: SpecPath) -> str:
    node: Located = loaded.values
    for depth, step in enumerate(path):
        child = node.child(step)
        if child is None:
            # `unit = "resnext"` says the type; the options are the type's defaults.
            named = isinstance(node.value, str) and step == "type" and depth == len(path) - 1
            return _place(node) if named else "default"
        node = child
    return _place(node)


def _place(node: Located) -> str:
    span = node.span()
    if span.source.name == "--set":
        return f"--set {span.source.text}".replace("\n", " ")
    return f"{span.source.name}:{span.source.location(span.start).line}"
