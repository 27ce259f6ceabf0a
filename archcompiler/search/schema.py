"""The JSON Schema of space files, for completion and checking in editors."""

from __future__ import annotations

import json
from typing import Any, Final

from archcompiler import shipped
from archcompiler.config.help import field_help
from archcompiler.search.model import DEFAULT, Budget, Objective, Space

SPACE_SCHEMA_FILE: Final = "archcompiler.space.schema.json"


def space_schema_text() -> str:
    """The schema as a file."""
    return json.dumps(space_schema(), indent=2, ensure_ascii=False) + "\n"


def space_schema() -> dict[str, Any]:
    """Pydantic's schema of `Space`, changed to what a file may hold."""
    models = {model.__name__: model for model in (Budget, Objective, Space)}
    for model in models.values():
        # Their defaults are written down, which older versions of pydantic do of built models only.
        model.model_rebuild()
    schema = Space.model_json_schema()
    for name, definition in (*schema["$defs"].items(), ("Space", schema)):
        for field, text in field_help(models[name]).items():
            definition["properties"][field].setdefault("description", text)
    properties = schema["properties"]
    properties["objective"]["default"] = DEFAULT.model_dump(mode="json")
    properties["space"] = {
        "$ref": "#/$defs/Paths",
        "description": properties["space"]["description"],
    }
    schema["$defs"]["Paths"] = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "anyOf": [
                {"type": "array", "minItems": 1},
                {"type": "string", "pattern": r"^\s*[0-9]{1,9}\s*\.\.\s*[0-9]{1,9}\s*$"},
                {"$ref": "#/$defs/Paths"},
            ]
        },
        "description": "Keys, with dots or as tables in each other, and the values that each has.",
    }
    properties["extends"] = {
        "anyOf": [{"enum": list(shipped.specs())}, {"type": "string"}],
        "description": "Path of the spec that is changed, relative to this file, or the name of "
        "one that comes with the package.",
    }
    properties["$schema"] = {"type": "string", "description": "Where editors find this schema."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "archcompiler space",
        "required": ["extends", "space"],
    }
