"""Reports as plain data with exact integers, for programs: what JSON and CSV print."""

from __future__ import annotations

from typing import Any

from archcompiler.analysis.references import deviation, publication
from archcompiler.analysis.total import Cost
from archcompiler.tables.quantities import QUANTITIES
from archcompiler.tables.report import Report, Row


def record(report: Report) -> dict[str, Any]:
    """One network at one input size; `schemas/costs.schema.json` says what each key means."""
    cost, input = report.cost, report.input
    found: dict[str, Any] = {
        "name": report.name,
        "title": report.title,
        "input": [input.channels, *input.size],
        "classes": report.classes,
        "batch": report.batch,
        **_costs(report.at_batch(cost)),
        # A checked graph has no operator off the way to its output, so nothing in it is dead.
        "params_trainable": cost.params,
        "params_live": cost.params,
        "params_by_operator": report.by_operator("params"),
        "elements_by_operator": report.by_operator("elements"),
        "train_saved_batch_bytes": cost.saved_batch_bytes,
        "train_flops": 2 * cost.train_macs,
        "train_bytes_moved": cost.train_bytes_moved,
        "receptive_field": report.receptive_field,
        "trunk_depth": report.trunk_depth,
        "spec_sha256": report.network.loaded.sha256,
    }
    if report.measured is not None:
        found["verified"] = report.measured.holds
        found["measured"] = {
            "fvcore_flops": report.measured.fvcore.get(""),
            "flop_counter_mode": report.measured.flop_counter,
            "differences": list(report.measured.differences),
        }
    if report.origins:
        found["references"] = _references(report)
    if report.rooflines:
        found["rooflines"] = _rooflines(report)
    found["view"] = report.view
    found["rows"] = [_row(report, row) for row in report.rows]
    return found


def _costs(cost: Cost) -> dict[str, Any]:
    return {quantity.json_key: quantity.value(cost) for quantity in QUANTITIES}


def _row(report: Report, row: Row) -> dict[str, Any]:
    output = row.output
    return {
        "name": row.name,
        "level": row.level,
        **_costs(report.at_batch(row.cost)),
        "output": output and [output.channels, *output.size],
        "receptive_field": row.receptive_field,
    }


def _references(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for origin, reference in report.references.items():
        if reference is None:
            found[origin] = None
            continue
        entry: dict[str, Any] = {
            "source": f"{publication(origin).title}; {reference.source}",
            "note": reference.note,
        }
        for key in ("params", "macs"):
            published = getattr(reference, key)
            ours = getattr(report.cost, key)
            entry[key] = published
            entry[f"{key}_deviation_percent"] = published and deviation(ours, published)
        found[origin] = entry
    return found


def _rooflines(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "device": line.accelerator.name,
            "title": line.accelerator.title,
            "precision": line.precision,
            "peak_flops_per_second": line.accelerator.peak(line.precision),
            "bandwidth_bytes_per_second": line.accelerator.bandwidth,
            "ridge_flops_per_byte": line.accelerator.ridge(line.precision),
            "intensity_flops_per_byte": line.intensity,
            "bound": line.bound,
            "inference_seconds": line.inference_s,
            "training_seconds": line.training_s,
            "source": line.accelerator.source,
        }
        for line in report.rooflines
    ]
