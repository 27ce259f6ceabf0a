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

from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.store.writing import unwritable

Row = dict[str, Any]


class Metrics:
    """The log of a run; `folder` None is a process that writes nothing."""

    def __init__(self, folder: RunFolder | None) -> None:
        self.folder = folder

    def rewind(self, iteration: int) -> list[Diagnostic]:
        """Forget what came after a checkpoint: it will be measured again, and only once.

        Returns W743 for lines that are none, with which the log is kept aside.
        """
        if self.folder is None:
            return []
        path = self.folder.metrics
        numbers = damaged_lines(path)
        found = []
        if numbers:
            which = f"line {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} lines"
            found.append(self.folder.set_aside(path, f"has {which} that cannot be read"))
        kept = [row for row in read_metrics(path) if row["iteration"] <= iteration]
        self.folder.write_text(path, "".join(map(json_text, kept)))
        return found

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
    return [row for row in map(_row, _lines(path)) if row is not None]


def damaged_lines(path: Path) -> list[int]:
    """Numbers of the lines that are none, but for a last one that was cut off."""
    lines = _lines(path)
    whole = lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]
    return [n for n, line in enumerate(whole, 1) if line.strip() and _row(line) is None]


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.is_file() else []


def _row(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and _is_row(row) else None


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
