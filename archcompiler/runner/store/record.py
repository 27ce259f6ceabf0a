"""`run.json`: what a run is of, and where each of its starts was computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Embedded


def record_text(path: Path, run: Mapping[str, Any], start: Mapping[str, Any]) -> str:
    """The record at `path`, if there is one, with one more start, as JSON.

    A file that is no record counts for nothing: nothing is computed from it.
    """
    return json.dumps({**run, "starts": [*_starts(path), start]}, indent=1) + "\n"


def is_record(path: Path) -> bool:
    """Whether what is at `path`, if there is anything, is a record."""
    return not path.is_file() or isinstance(read_record(path).get("starts"), list)


def initial(path: Path) -> str | None:
    """Where the weights were that the run of a record has begun with; None without any."""
    begun = read_record(path).get("initial")
    return str(begun.get("path")) if isinstance(begun, dict) else None


def with_data_found(loaded: LoadedRecipe, record: Path) -> LoadedRecipe:
    """The recipe of a run with the path of its data, if they are where the run was started.

    A relative path is from there: from where it was started last, or before that. What is here goes
    first, and what a setting says is meant from here.
    """
    data = loaded.recipe.data
    path = None if isinstance(data, Embedded) else Path(data.path).expanduser()
    said = loaded.span(("data", "path")).source.path is None
    if path is None or said or path.is_absolute() or path.exists():
        return loaded
    for start in reversed(_starts(record)):
        folder = start.get("folder") if isinstance(start, dict) else None
        if isinstance(folder, str) and "\0" not in folder and (Path(folder) / path).exists():
            found = data.model_copy(update={"path": str(Path(folder) / path)})
            recipe = loaded.recipe.model_copy(update={"data": found})
            return replace(loaded, recipe=recipe)
    return loaded


def _starts(path: Path) -> list[Any]:
    starts = read_record(path).get("starts")
    return starts if isinstance(starts, list) else []


def read_record(path: Path) -> dict[str, Any]:
    """The record at `path`; nothing where there is none, or another file."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
