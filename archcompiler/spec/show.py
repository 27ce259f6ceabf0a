"""A resolved spec as TOML, each value with where it comes from. The text is itself a valid spec."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.config.located import Located
from archcompiler.config.path import SpecPath
from archcompiler.config.showing import show_values
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

    return show_values(values, loaded.values, inline=inline)


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
