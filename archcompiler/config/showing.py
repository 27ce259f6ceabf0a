"""Resolved values as TOML, each with where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from archcompiler.config.located import Located
from archcompiler.config.path import SpecPath
from archcompiler.config.toml import toml_lines
from archcompiler.diagnostics.render.visible import visible


def show_values(
    values: Mapping[str, Any],
    written: Located,
    *,
    inline: Callable[[SpecPath], bool] = lambda _: False,
) -> str:
    """Every value as TOML with `# file:line`, `# --set` or `# default`."""
    lines = [
        (line.text, "" if line.path is None else _origin(written, line.path))
        for line in toml_lines(values, inline=inline)
    ]
    # A description may be long: its comment follows it, and the others keep their column.
    width = max(len(text) for text, comment in lines if comment and len(text) <= 48)
    rows = (f"{text:<{width}}  # {comment}" if comment else text for text, comment in lines)
    return "\n".join(rows).strip() + "\n"


def _origin(written: Located, path: SpecPath) -> str:
    node = written
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
        return visible(f"--set {span.source.text}")
    return f"{visible(span.source.name)}:{span.source.location(span.start).line}"
