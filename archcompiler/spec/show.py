"""A resolved spec as TOML, each value with where it comes from. The text is itself a valid spec."""

from __future__ import annotations

from archcompiler.config.located import Located
from archcompiler.config.path import SpecPath
from archcompiler.config.toml import toml_lines
from archcompiler.spec.loader import LoadedSpec


def show(loaded: LoadedSpec) -> str:
    """Every value that the compiler goes by, as TOML with `# file:line`, `# --set` or `# default`.

    What nobody set and has no default of its own is left out, as is the `attention` of a stage
    that is the network's.
    """
    values = loaded.spec.model_dump(mode="json", exclude_none=True)
    for stage in values["stages"]:
        if stage["attention"] == values["attention"]:
            del stage["attention"]
    lines = [
        (line.text, "" if line.path is None else _origin(loaded, line.path))
        for line in toml_lines(values)
    ]
    # A description may be long: its comment follows it, and the others keep their column.
    width = max(len(text) for text, comment in lines if comment and len(text) <= 48)
    rows = (f"{text:<{width}}  # {comment}" if comment else text for text, comment in lines)
    return "\n".join(rows).strip() + "\n"


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
