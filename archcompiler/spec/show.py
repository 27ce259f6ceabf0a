"""A resolved spec as TOML, each value with where it comes from. The text is itself a valid spec."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.config.located import Located
from archcompiler.config.path import SpecPath
from archcompiler.config.toml import toml_lines
from archcompiler.diagnostics.render.visible import visible
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.resolved import resolved
from archcompiler.syntax.document import Written


def show(loaded: LoadedSpec) -> str:
    """Every value that the compiler goes by, as TOML with `# file:line`, `# --set` or `# default`.

    What nobody set and has no default of its own is left out, as is the `attention` of a stage
    that is the network's.
    """
    values = resolved(loaded.spec, loaded.library)
    for stage in values["stages"]:
        if stage["attention"] == values["attention"]:
            del stage["attention"]
    if not values["blocks"]:
        del values["blocks"]

    def inline(path: SpecPath) -> bool:
        """Whether a step or an option of a block stands on one line."""
        return len(path) == 4 and path[0] == "blocks" and _of_one(loaded, path[:3])

    lines = [
        (line.text, "" if line.path is None else _origin(loaded, line.path))
        for line in toml_lines(values, inline=inline)
    ]
    # A description may be long: its comment follows it, and the others keep their column.
    width = max(len(text) for text, comment in lines if comment and len(text) <= 48)
    rows = (f"{text:<{width}}  # {comment}" if comment else text for text, comment in lines)
    return "\n".join(rows).strip() + "\n"


def _of_one(loaded: LoadedSpec, path: SpecPath) -> bool:
    """Whether each entry of a table has all of its values from one text.

    All entries of a table have to, because those on one line come before those with a header, and
    the order of steps has a meaning.
    """
    node: Located | None = loaded.values
    for step in path:
        node = node.child(step) if node is not None else None
    entries = node.value.values() if node is not None and isinstance(node.value, dict) else ()
    return all(len({id(text) for text in _texts(entry)}) == 1 for entry in entries)


def _texts(node: Located) -> Iterator[Written]:
    yield node.text
    children = node.value.values() if isinstance(node.value, dict) else node.value
    for child in children if isinstance(node.value, dict | list) else ():
        yield from _texts(child)


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
        return visible(f"--set {span.source.text}")
    return f"{visible(span.source.name)}:{span.source.location(span.start).line}"
