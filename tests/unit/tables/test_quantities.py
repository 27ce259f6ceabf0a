"""Every quantity is in every format, under the names that are published."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields

import pytest
from markdown_it import MarkdownIt
from tiny import tiny_spec

import archcompiler
from archcompiler.analysis.total import Cost
from archcompiler.tables import csv as csv_format
from archcompiler.tables import markdown
from archcompiler.tables.columns import COLUMNS, NETWORK, chosen, order_by
from archcompiler.tables.grid import Field, Grid, Heading, Section
from archcompiler.tables.json import schema_text
from archcompiler.tables.quantities import QUANTITIES
from archcompiler.tables.record import record
from archcompiler.tables.report import Report

SPEC = tiny_spec({"channels": 64, "modules": 1, "depth": 2})


@pytest.fixture(scope="module")
def report() -> Report:
    network = archcompiler.compile(SPEC)
    return Report(network, network.graph, "stage")


def test_the_schema_knows_each_and_no_other() -> None:
    schema = json.loads(schema_text())
    row = schema["$defs"]["row"]
    keys = [quantity.json_key for quantity in QUANTITIES]
    assert [key for key in row["properties"] if key in keys] == keys
    assert set(row["properties"]) - set(keys) == {"name", "level", "output", "receptive_field"}
    assert set(keys) <= set(schema["items"]["required"]) & set(row["required"])


def test_json_csv_and_columns_agree(report: Report) -> None:
    (stem, *_) = record(report)["rows"]
    (line, *_) = csv.DictReader(io.StringIO(csv_format.render([report])))
    by_key = {column.key: column for column in COLUMNS}
    for quantity in QUANTITIES:
        value = stem[quantity.json_key]
        assert by_key[quantity.key].value(report, report.rows[0]) == value
        if isinstance(value, int):
            assert int(line[quantity.csv_key]) == value
        else:
            assert quantity.csv_key not in line


def test_none_is_the_same_as_another() -> None:
    """Each field of a cost a prime of its own: two quantities that read one would be equal."""
    primes = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    cost = Cost(*primes[: len(fields(Cost))])
    values = [quantity.value(cost) for quantity in QUANTITIES]
    assert len(set(values)) == len(values)


def test_what_is_of_the_network_is_not_of_its_parts(report: Report) -> None:
    for keys in ([], ["all"], ["input", "params"]):
        assert not set(chosen("stage", keys, measured=True)) & set(NETWORK)
    assert [c.key for c in chosen("network", ["input", "params"], measured=False)] == [
        "input",
        "params",
    ]


def test_rows_without_a_value_come_last(report: Report) -> None:
    rows = sorted(report.rows, key=lambda row: order_by("receptive_field")(report, row))
    assert [row.receptive_field for row in rows] == sorted(
        (row.receptive_field for row in rows), key=lambda size: (size is None, -(size or 0))
    )
    assert rows[-1].receptive_field is None


def test_a_small_deviation_keeps_its_sign() -> None:
    field = Field("Δ", "%", [0.001, -0.001, 0, None], scaled=False, digits=2, signed=True)
    assert field.render()[1] == ["+0.00", "-0.00", "0", "–"]
    plain = Field("ridge", "", [0.001, 0.006], scaled=False, digits=2)
    assert plain.render()[1] == ["<0.01", "0.01"]


def test_tables_of_a_page_stay_apart() -> None:
    sections = tuple(Section(title, (("a", "1"),)) for title in ("first", "second"))
    grid = Grid((Heading("n", left=True), Heading("m")), sections)
    html = MarkdownIt("commonmark").enable("table").render(markdown.render([grid, grid]))
    assert html.count("<table>") == 4
    assert html.count("<p><strong>second</strong></p>") == 2
