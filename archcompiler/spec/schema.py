"""The JSON Schema of spec files, for completion and checking in editors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from archcompiler.config.base import Model
from archcompiler.config.help import field_help
from archcompiler.spec.model import Spec

SCHEMA_FILE: Final = "archcompiler.schema.json"
"""Its name at the top of the repository, where the shipped specs point."""

TYPED: Final = {"required": ["type"]}
TYPED_ATTENTION: Final = {
    "properties": {"trunk": TYPED, "mask": {"properties": {"unit": TYPED}}},
}
"""What a spec that extends another has from there, and any other has to say."""


def schema_text() -> str:
    """The schema, with the unit types that are installed here."""
    return json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n"


def spec_schema() -> dict[str, Any]:
    """Pydantic's schema of `Spec`, changed to what a file may hold.

    A file that extends another may leave out whatever the other has, and may change single
    stages by their number; tables with a `type` become if/then, which every validator reports
    on by the real mistake, where a `oneOf` fails as a whole.
    """
    schema = _if_then(Spec.model_json_schema())
    definitions = schema["$defs"]
    models = {model.__name__: model for model in _submodels(Model)}
    for name, definition in (*definitions.items(), ("Spec", schema)):
        for field, text in field_help(models[name]).items():
            definition["properties"][field].setdefault("description", text)
    partial = {k: v for k, v in definitions["Stage"].items() if k != "required"}
    definitions["StageChange"] = {**partial, "description": "What changes in one stage."}
    properties = schema["properties"]
    properties["stages"] = {
        "anyOf": [
            properties["stages"],
            {
                "type": "object",
                "description": "Changes to single stages of the extended spec, counted from 0.",
                "patternProperties": {"^[0-9]+$": {"$ref": "#/$defs/StageChange"}},
                "additionalProperties": False,
            },
        ]
    }
    properties["extends"] = {
        "type": "string",
        "description": "Path of another spec, relative to this file, that this one changes.",
    }
    properties["$schema"] = {"type": "string"}
    required = schema.pop("required")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "archcompiler spec",
        "if": {"required": ["extends"]},
        "else": {
            "required": required,
            "properties": {"stem": TYPED, "unit": TYPED, "attention": TYPED_ATTENTION},
        },
    }


def _submodels(model: type[Model]) -> Iterator[type[Model]]:
    for child in model.__subclasses__():
        yield child
        yield from _submodels(child)


def _if_then(node: Any) -> Any:
    if isinstance(node, list):
        return [_if_then(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    if "discriminator" not in node:
        return {key: _if_then(value) for key, value in node.items()}
    mapping: dict[str, str] = node["discriminator"]["mapping"]
    rest = {k: _if_then(v) for k, v in node.items() if k not in ("discriminator", "oneOf", "anyOf")}
    return {
        **rest,
        "type": "object",
        "properties": {"type": {"enum": sorted(mapping)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": tag}}, "required": ["type"]},
                "then": {"$ref": reference},
            }
            for tag, reference in sorted(mapping.items())
        ],
    }
