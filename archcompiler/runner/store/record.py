"""`run.json`: what a run is of, and where each of its starts was computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def record_text(path: Path, run: Mapping[str, Any], start: Mapping[str, Any]) -> str:
    """The record at `path`, if there is one, with one more start, as JSON.

    A file that is no record gives its place to a new one: nothing is computed from it.
    """
    return json.dumps({**run, "starts": [*_starts(path), start]}, indent=1) + "\n"


def initial(path: Path) -> str | None:
    """Where the weights were that the run of a record has begun with; None without any."""
    begun = read_record(path).get("initial")
    return str(begun.get("path")) if isinstance(begun, dict) else None


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
