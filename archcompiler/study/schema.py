"""The JSON Schema of study files, for completion and checking in editors."""

from __future__ import annotations

import json
from typing import Any, Final

from archcompiler import shipped
from archcompiler.config.help import field_help
from archcompiler.study.model import Entry, Study

STUDY_SCHEMA_FILE: Final = "archcompiler.study.schema.json"


def study_schema_text() -> str:
    """The schema as a file."""
    return json.dumps(study_schema(), indent=2, ensure_ascii=False) + "\n"


def study_schema() -> dict[str, Any]:
    """Pydantic's schema of `Study`, changed to what a file may hold."""
    models = {model.__name__: model for model in (Entry, Study)}
    for model in models.values():
        # Their defaults are written down, which older versions of pydantic do of built models only.
        model.model_rebuild()
    schema = Study.model_json_schema()
    for name, definition in (*schema["$defs"].items(), ("Study", schema)):
        for field, text in field_help(models[name]).items():
            definition["properties"][field].setdefault("description", text)
    properties = schema["properties"]
    properties["extends"] = {
        "anyOf": [{"enum": list(shipped.studies())}, {"type": "string"}],
        "description": "Path of another study, relative to this file, that this one changes, or "
        "the name of one that comes with the package.",
    }
    properties["$schema"] = {"type": "string", "description": "Where editors find this schema."}
    # What a study extends may say them.
    required = [key for key in schema.pop("required") if key not in ("recipe", "specs")]
    assert not required
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "archcompiler study",
        "anyOf": [{"required": ["extends"]}, {"required": ["recipe", "specs"]}],
    }
