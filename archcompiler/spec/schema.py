"""The JSON Schema of spec files, for completion and checking in editors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from archcompiler import shipped
from archcompiler.config.base import Model
from archcompiler.config.help import field_help
from archcompiler.language.library import Library
from archcompiler.spec.model import Spec
from archcompiler.spec.schema_blocks import block_definitions, known_types

SCHEMA_FILE: Final = "archcompiler.schema.json"
"""Its name at the top of the repository, where the shipped specs point, and of a project."""

PLACES: Final = ("stem", "unit", "attention", "head", "activation", "norm")
"""Keys of a spec that name something."""
TYPED: Final = {"if": {"type": "object"}, "then": {"required": ["type"]}}
"""What a spec that extends another has from there, and any other has to say."""
UNTYPED: Final = {"type": "object", "not": {"required": ["type"]}}
TYPED_ATTENTION: Final = {
    "properties": {"trunk": TYPED, "mask": {"properties": {"unit": TYPED}}},
}


def schema_text() -> str:
    """The schema, with the unit types that are installed here."""
    return json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n"


def key_names() -> frozenset[str]:
    """Every key that some spec has, but for names of its own."""
    found: set[str] = set()
    tables: list[Any] = [spec_schema()]
    while tables:
        table = tables.pop()
        if isinstance(table, dict):
            found |= table.get("properties", {}).keys()
            tables += table.values()
        elif isinstance(table, list):
            tables += table
    return frozenset(found)


def spec_schema() -> dict[str, Any]:
    """Pydantic's schema of `Spec`, changed to what a file may hold.

    A file that extends another may leave out whatever the other has, and may change single
    stages by their number. What can be named is checked by if/then, which every validator reports
    on by the real mistake, where a `oneOf` fails as a whole. Names that are not known are refused
    only in a spec that has no blocks of its own, and none from another.
    """
    library = Library()
    models = {model.__name__: model for model in _submodels(Model)}
    for model in models.values():
        # The default of a field is written by the serializer of its model, which is built late.
        model.model_rebuild()
    schema = Spec.model_json_schema()
    definitions = schema["$defs"]
    for name, definition in (*definitions.items(), ("Spec", schema)):
        for field, text in field_help(models[name]).items():
            definition["properties"][field].setdefault("description", text)
    properties, stage = schema["properties"], definitions["Stage"]["properties"]
    for table, keys in ((properties, PLACES), (stage, ("unit", "attention"))):
        for key in keys:
            table[key] = _place(key, table[key])
    for name in ("Reference", "Attention", "Stem", "Head", "Norm"):
        definitions.pop(name, None)
    definitions |= block_definitions(library)
    own = {"$ref": "#/$defs/own_block"}
    properties["blocks"] = {
        "type": "object",
        "additionalProperties": own,
        "description": properties["blocks"]["description"],
    }
    partial = {k: v for k, v in definitions["Stage"].items() if k != "required"}
    definitions["StageChange"] = {**partial, "description": "What changes in one stage."}
    properties["stages"] = {
        "anyOf": [
            properties["stages"],
            {
                "type": "object",
                "description": "Changes to single stages of the extended spec, counted from 0.",
                "patternProperties": {"^[0-9]+$": {"$ref": "#/$defs/StageChange"}},
                "additionalProperties": False,
            },
        ],
        "description": "The stages in order; in a spec that extends another also changes to them.",
    }
    properties["extends"] = {
        "anyOf": [{"enum": list(shipped.specs())}, {"type": "string"}],
        "description": "Path of another spec, relative to this file, that this one changes, or the "
        "name of one that comes with the package.",
    }
    properties["$schema"] = {"type": "string", "description": "Where editors find this schema."}
    required = schema.pop("required")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "archcompiler spec",
        "allOf": [
            {
                "if": {"required": ["extends"]},
                "else": {
                    "required": required,
                    "properties": {"stem": TYPED, "unit": TYPED, "attention": TYPED_ATTENTION},
                    "allOf": _usual(),
                },
            },
            {
                "if": {"anyOf": [{"required": ["extends"]}, {"required": ["blocks"]}]},
                "else": {"properties": _known(library)},
            },
        ],
    }


def _place(key: str, described: dict[str, Any]) -> dict[str, Any]:
    """Where a block or an operator is named, with the help text of the field."""
    found: dict[str, Any] = {"$ref": f"#/$defs/{key}"}
    if "description" in described:
        found["description"] = described["description"]
    return found


def _usual() -> list[dict[str, Any]]:
    """Tables without a `type`: they have the options of the type that is the default."""
    mask = {"properties": {"mask": _untyped("block_hourglass")}}
    attention = {"allOf": [_untyped("module_attention"), mask]}
    head, norm = _untyped("head_linear"), _untyped("operator_batch_norm")
    stages = {"items": {"properties": {"attention": _untyped("module_attention")}}}
    return [
        {"properties": {"attention": attention, "head": head, "norm": norm}},
        # A stage changes the attention of the network, whatever its type is.
        {
            "if": {"properties": {"attention": UNTYPED}},
            "then": {"properties": {"stages": stages}},
        },
    ]


def _untyped(options: str) -> dict[str, Any]:
    return {"if": UNTYPED, "then": {"$ref": f"#/$defs/{options}"}}


def _known(library: Library) -> dict[str, Any]:
    """The names that there are, where a spec can have no other."""
    types = known_types(library)
    # What else can be a norm or an activation is too much for a list.
    places = [key for key in PLACES if key not in ("norm", "activation")]
    stage = {key: _one_of(types[key]) for key in ("unit", "attention")}
    stages = {"items": {"properties": stage}}
    return {**{key: _one_of(types[key]) for key in places}, "stages": stages}


def _one_of(names: tuple[str, ...]) -> dict[str, Any]:
    choice = {"enum": list(names)}
    return {"if": {"type": "string"}, "then": choice, "else": {"properties": {"type": choice}}}


def _submodels(model: type[Model]) -> Iterator[type[Model]]:
    for child in model.__subclasses__():
        yield child
        yield from _submodels(child)
