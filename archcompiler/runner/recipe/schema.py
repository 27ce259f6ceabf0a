"""The JSON Schema of recipe files, for completion and checking in editors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from archcompiler import shipped
from archcompiler.config.base import Model
from archcompiler.config.help import field_help
from archcompiler.config.models import models_at, tags_of
from archcompiler.runner.recipe.model import Recipe

RECIPE_SCHEMA_FILE: Final = "archcompiler.recipe.schema.json"


def recipe_schema_text() -> str:
    """The schema as a file."""
    return json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"


def recipe_schema() -> dict[str, Any]:
    """Pydantic's schema of `Recipe`, changed to what a file may hold.

    Nothing is required: every key has a default. Where there are several types, a word says one,
    and if/then has every validator report on the keys of the type that is said.
    """
    models = {model.__name__: model for model in _submodels(Model)}
    for model in models.values():
        # Their defaults are written down, which older versions of pydantic do of built models only.
        model.model_rebuild()
    schema = Recipe.model_json_schema()
    definitions = schema["$defs"]
    for name, definition in (*definitions.items(), ("Recipe", schema)):
        for field, text in field_help(models[name]).items():
            definition["properties"][field].setdefault("description", text)
    properties = schema["properties"]
    for key in ("data", "optimizer", "schedule"):
        tags = tags_of(models_at(Recipe, (key,)))
        names = [model.__name__ for model in models_at(Recipe, (key,))]
        properties[key] = _choice(tags, names) | {"description": properties[key]["description"]}
    properties["extends"] = {
        "anyOf": [{"enum": list(shipped.recipes())}, {"type": "string"}],
        "description": "Path of another recipe, relative to this file, that this one changes, or "
        "the name of one that comes with the package.",
    }
    properties["$schema"] = {"type": "string", "description": "Where editors find this schema."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "archcompiler recipe",
        "not": {"required": ["epochs", "iterations"]},
    }


def _choice(tags: list[Any], names: list[str]) -> dict[str, Any]:
    """A word or a table. One without a `type` may have that of what it changes."""
    return {
        "type": ["string", "object"],
        "allOf": [
            {"if": {"type": "string"}, "then": {"enum": tags}},
            {
                "if": {"type": "object", "required": ["type"]},
                "then": {"properties": {"type": {"enum": tags}}},
            },
            *(
                {
                    "if": {
                        "type": "object",
                        "required": ["type"],
                        "properties": {"type": {"const": tag}},
                    },
                    "then": {"$ref": f"#/$defs/{name}"},
                }
                for tag, name in zip(tags, names, strict=True)
            ),
            {
                "if": {"type": "object", "not": {"required": ["type"]}},
                "then": {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in names]},
            },
        ],
    }


def _submodels(model: type[Model]) -> Iterator[type[Model]]:
    for child in model.__subclasses__():
        yield child
        yield from _submodels(child)
