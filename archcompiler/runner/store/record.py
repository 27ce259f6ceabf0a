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


def _starts(path: Path) -> list[Any]:
    try:
        record = json.loads(path.read_bytes())
        starts = record["starts"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    return starts if isinstance(starts, list) else []
