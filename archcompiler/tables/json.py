"""Reports as JSON: a list with one object per network and input size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

from archcompiler.tables.record import record
from archcompiler.tables.report import Report


def render(reports: Sequence[Report]) -> str:
    records = [record(report) for report in reports]
    return json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def schema_text() -> str:
    """The JSON Schema of what `render` returns."""
    return files("archcompiler.schemas").joinpath("costs.schema.json").read_text(encoding="utf-8")
