"""What a run reports, one JSON object a line, and the same as a table.

A line has `iteration`, `split` (train or test), `loss` and `accuracy` (a share), and more by split:
`images_per_second`, on a GPU `mfu` (a share of its peak) and `peak_memory` (bytes), `top5`, …
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any

from archcompiler.diagnostics import CompileError
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.store.writing import unwritable

Row = dict[str, Any]


class Metrics:
    """The log of a run; `folder` None is a process that writes nothing."""

    def __init__(self, folder: RunFolder | None) -> None:
        self.folder = folder

    def rewind(self, iteration: int) -> None:
        """Forget what came after a checkpoint: it will be measured again, and only once."""
        if self.folder is None:
            return
        path = self.folder.metrics
        kept = [row for row in read_metrics(path) if row["iteration"] <= iteration]
        self.folder.write_text(path, "".join(map(json_text, kept)))

    def add(self, row: Row) -> None:
        """One more line, handed to the system at once: a killed process loses none."""
        if self.folder is None:
            return
        path = self.folder.metrics
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json_text(row))
        except OSError as exc:
            raise CompileError(unwritable(path, exc, [])) from None


def read_metrics(path: Path) -> list[Row]:
    """All lines of a log; what a crash has cut off, or is no line of one, is passed over."""
    rows = []
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and _is_row(row):
            rows.append(row)
    return rows


def _is_row(row: Row) -> bool:
    numbers = (value for key, value in row.items() if key not in ("iteration", "split"))
    return (
        type(row.get("iteration")) is int
        and isinstance(row.get("split"), str)
        and all(value is None or isinstance(value, (int, float)) for value in numbers)
    )


def table_text(rows: Iterable[Row]) -> str:
    """The same as CSV, with a column for every key of any line."""
    rows = list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def json_text(values: Row) -> str:
    """One line of JSON, in which a number that is not finite is null: JSON has no other."""
    plain = {k: None if isinstance(v, float) and not isfinite(v) else v for k, v in values.items()}
    return json.dumps(plain, allow_nan=False) + "\n"
