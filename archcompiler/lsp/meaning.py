"""What a key means: in the model of a file, in a block that is written, of what is named there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from archcompiler.config.help import field_help
from archcompiler.config.located import Located
from archcompiler.config.models import models_at
from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import CompileError
from archcompiler.language.definition import Option
from archcompiler.language.library import Home, Library
from archcompiler.lsp.opened import MODELS, Opened
from archcompiler.ops.argument import Argument
from archcompiler.spec.model import Spec
from archcompiler.spec.references import NORMS
from archcompiler.spec.schema import spec_schema

_OF_STEPS: Final = frozenset({"from", "when", "else", "repeat"})
"""Keys of a step that name neither what it calls nor an argument of that."""
_HOMES: Final[dict[str, Home]] = {"stem": "stems", "head": "heads", "attention": "modules"}


def meaning(opened: Opened, path: SpecPath) -> str | None:
    """What the innermost key of a path is for of which that is known."""
    for depth in range(len(path), 0, -1):
        key, outer = path[depth - 1], tuple(map(_step, path[: depth - 1]))
        if isinstance(key, str) and not key.isdecimal():
            text = _of_field(opened, outer, key) or _of_block(opened, outer, key)
            if text:
                return f"`{key}`: {text}"
    return None


def _step(step: str | int) -> str | int:
    """A spec that extends another changes stages by their numbers."""
    return int(step) if str(step).isdecimal() else step


def _of_field(opened: Opened, outer: SpecPath, key: str) -> str | None:
    tagged: SpecPath = ()
    for depth, step in enumerate(outer, 1):
        tagged = (*tagged, step, *(filter(None, [_named(opened.values, outer[:depth])])))
    models = models_at(MODELS[opened.kind or "spec"], tagged)
    return next((text for model in models if (text := field_help(model).get(key))), None)


def _of_block(opened: Opened, outer: SpecPath, key: str) -> str | None:
    """Of a key of a block that the spec writes, or an option of what it names."""
    if opened.kind != "spec":
        return None
    form = _form(outer).get(key)
    if form is not None:
        return str(form.get("description", ""))
    option = _options(opened.values, outer).get(key)
    return None if option is None else option.help


def home_of(path: SpecPath) -> Home | None:
    """What a word at a path of a spec is looked up as; None where none is the name of a block."""
    match path[2:] if path[:1] == ("stages",) else path:
        case (("stem" | "head" | "attention") as part,) | (
            ("stem" | "head" | "attention") as part,
            "type",
        ):
            return _HOMES[str(part)]
        case ("stem" | "head" | "attention" | "unit" | "activation" | "norm", *_):
            return "blocks"
        case ("blocks", _, "options", _, "default", *_):
            return "blocks"
        case ("blocks", _, "steps", _, key, *_) if key not in _OF_STEPS:
            return "blocks"
    return None


@cache
def _written() -> Mapping[str, Any]:
    found: Mapping[str, Any] = spec_schema()["$defs"]
    return found


def _form(outer: SpecPath) -> Mapping[str, Any]:
    """The keys of a block, of its options and of its steps, for all of them."""
    found: Mapping[str, Any] = {}
    match outer:
        case ("blocks", _):
            found = _written()["own_block"]["properties"]
        case ("blocks", _, "options", _):
            options = _written()["own_block"]["properties"]["options"]
            found = options["additionalProperties"]["properties"]
        case ("blocks", _, "steps", _):
            found = _written()["step"]["properties"]
    return found


def _options(values: Located | None, outer: SpecPath) -> Mapping[str, Option | Argument]:
    """What a table may say of the block or the operator that it names."""
    places: list[SpecPath]
    match outer:
        case ("stages", int(), "attention" | "unit", *_):
            places = [outer[:3], outer[2:3]]
        case ("stem" | "head" | "attention" | "unit" | "norm" | "activation", *_):
            places = [outer[:1]]
        case ("blocks", _, "steps", _, *_):
            places = [outer[:4]]
        case _:
            return {}
    part, slots = str(places[-1][0]), outer[len(places[0]) :]
    library = Library(values.child("blocks") if values is not None else None)
    usual = getattr(Spec.model_fields[part].default, "type", None)
    names = [*(_named(values, place) for place in places), usual]
    if part == "norm":
        names = [NORMS.get(str(name), name) for name in names]
    options = _of_name(library, names, _HOMES.get(part, "blocks"))
    for depth, slot in enumerate(slots, 1):
        option = options.get(str(slot))
        default = option.default if option is not None else None
        default = default.get("type") if isinstance(default, Mapping) else default
        options = _of_name(
            library, [*(_named(values, (*at, *slots[:depth])) for at in places), default]
        )
    return options


def _of_name(
    library: Library, names: list[Any], home: Home = "blocks"
) -> Mapping[str, Option | Argument]:
    """The options of the first thing that is named."""
    name = next((name for name in names if isinstance(name, str)), "")
    try:
        operator = library.operator(name) if home == "blocks" else None
        if operator is not None:
            return operator.arguments
        definition = library.glance(name, home)
    except CompileError:
        return {}
    return {} if definition is None else definition.options


def _named(values: Located | None, path: SpecPath) -> str | None:
    """What the value at a path names: a word, or a table that says it."""
    node = values
    for step in path:
        node = None if node is None else node.child(step)
    for key in ("type", "op"):
        inner = None if node is None or isinstance(node.value, str) else node.child(key)
        node = inner or node
    return node.value if node is not None and isinstance(node.value, str) else None
