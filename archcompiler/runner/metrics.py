"""What a run reports, one JSON object a line, and the same as a table.

A line has `iteration`, `split` (train or test), `loss` and `accuracy` (a share), and more by split.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from archcompiler.diagnostics import CompileError
from archcompiler.runner.checkpoint import unwritable, write_whole

Row = dict[str, Any]


class Metrics:
    """The log of a run; `path` None is a process that writes nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def rewind(self, iteration: int) -> None:
        """Forget what came after a checkpoint: it will be measured again, and only once."""
        if self.path is None:
            return
        kept = [row for row in read_metrics(self.path) if row["iteration"] <= iteration]
        text = "".join(map(_line, kept))
        try:
            write_whole(self.path, lambda file: file.write(text.encode()), durable=False)
        except OSError as exc:
            raise CompileError(unwritable(self.path, exc, [])) from None

    def add(self, row: Row) -> None:
        """One more line, handed to the system at once: a killed process loses none."""
        if self.path is None:
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(row))
        except OSError as exc:
            raise CompileError(unwritable(self.path, exc, [])) from None


def read_metrics(path: Path) -> list[Row]:
    """All lines of a log; one that was cut off by a crash is passed over."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("iteration"), int):
            rows.append(row)
    return rows


def table_text(rows: Iterable[Row]) -> str:
    """The same as CSV, with a column for every key of any line."""
    rows = list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _line(row: Row) -> str:
    return json.dumps(row) + "\n"
