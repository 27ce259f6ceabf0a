"""Reports as CSV: a line per row of the view, exact integers, units in the header."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from archcompiler.tables.quantities import QUANTITIES
from archcompiler.tables.record import record
from archcompiler.tables.report import Report


def render(reports: Sequence[Report]) -> str:
    lines = [line for report in reports for line in _lines(report)]
    out = io.StringIO()
    header = list(dict.fromkeys(key for line in lines for key in line))
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _lines(report: Report) -> list[dict[str, Any]]:
    whole = record(report)
    common = {
        "network": report.name,
        "input_px": "x".join(map(str, report.input.size)),
        "classes": report.classes,
    }
    if report.view != "network":
        return [common | _row(row, report.view) for row in whole["rows"]]
    line = common | _row({**whole, "output": None}, None)
    for key in ("train_flops", "train_bytes_moved", "trunk_depth", "spec_sha256", "verified"):
        if key in whole:
            line["train_flops_two_per_mac" if key == "train_flops" else key] = whole[key]
    for origin, reference in whole.get("references", {}).items():
        for key in ("params", "macs"):
            for part in (key, f"{key}_deviation_percent"):
                line[f"{origin}_{part}"] = reference and reference[part]
    for device in whole.get("rooflines", ()):
        for key in ("bound", "inference_seconds", "training_seconds"):
            line[f"{device['device']}_{key}"] = device[key]
    return [line]


def _row(row: dict[str, Any], view: str | None) -> dict[str, Any]:
    line: dict[str, Any] = {}
    if view is not None:
        line = {view: row["name"], "level": row["level"]}
    for quantity in QUANTITIES:
        if quantity.digits is None:
            line[quantity.csv_key] = row[quantity.json_key]
    line["receptive_field_px"] = row["receptive_field"]
    return line
