"""`[expect]`: what a spec says its network has to be."""

from __future__ import annotations

from typing import Any

import pytest
from tiny import tiny_spec

import archcompiler
from archcompiler.compiler import at_size
from archcompiler.diagnostics import Diagnostic
from archcompiler.spec.bounds import parse_bounds
from archcompiler.spec.loader import load
from archcompiler.spec.show import show

COSTS = archcompiler.compile(tiny_spec()).flops()


def found(expect: dict[str, Any], **changes: Any) -> list[Diagnostic]:
    return archcompiler.check(tiny_spec(expect=expect, **changes))


@pytest.mark.parametrize(
    ("value", "held", "broken"),
    [
        ("<= 32M", 32_000_000, 32_000_001),
        ("< 32M", 31_999_999, 32_000_000),
        (">= 1.5k", 1500, 1499),
        ("> 1_500", 1501, 1500),
        ("<= 2 MiB", 2 << 20, (2 << 20) + 1),
        ("<=160MB", 160_000_000, 160_000_001),
        (56, 56, 57),
        ("56", 56, 55),
        ("== 56", 56, 57),
        ("31.8M", 31_849_999, 31_850_000),
        ("31.8M", 31_750_001, 31_749_999),
        (">= 30M, < 32M", 30_000_000, 32_000_000),
        ("any", 0, None),
    ],
)
def test_a_comparison(value: object, held: int, broken: int | None) -> None:
    bounds = parse_bounds(value)
    assert bounds is not None
    assert all(bound.holds(held) for bound in bounds)
    assert broken is None or not all(bound.holds(broken) for bound in bounds)


@pytest.mark.parametrize(
    "value",
    ["", "32 M M", "<= ", "=< 3", "3 %", "nan", "-1", "1e9", "<= 3M,", "3P", "٣", True, 1.5, [3]],
)
def test_what_is_no_comparison(value: object) -> None:
    assert parse_bounds(value) is None
    if not isinstance(value, list):
        (problem,) = found({"params": value})
        assert problem.code == "E204"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("params", "<= 2 MiB", "`params` is no number of bytes"),
        ("depth", "<= 60kB", "`depth` is no number of bytes"),
        ("macs", ">= 5M, <= 1M", "must be at least 5,000,000 and at most 1,000,000, which nothing"),
    ],
)
def test_what_nothing_can_be(key: str, value: str, message: str) -> None:
    (problem,) = found({key: value})
    assert problem.code == "E204"
    assert message in problem.message


@pytest.mark.parametrize(
    ("key", "actual"),
    [
        ("params", COSTS["params"]),
        ("macs", COSTS["macs"]),
        ("memory", COSTS["train_saved_bytes"]),
        ("depth", COSTS["trunk_depth"]),
    ],
)
def test_a_quantity_is_what_the_tables_say(key: str, actual: int) -> None:
    assert found({key: actual}) == []
    (problem,) = found({key: f"< {actual}"})
    assert problem.code == "E320"
    assert problem.span is not None
    assert problem.span.text == f'"< {actual}"'
    assert f"{actual:,}" in problem.message
    assert f"not less than {actual:,}" in problem.message
    assert problem.notes == ()
    for bound, off in ((f"<= {actual - 1}", "more"), (f"> {actual + 1}", "less")):
        (problem,) = found({key: bound})
        share = 1 / (actual - 1 if off == "more" else actual + 1)
        assert problem.notes == (f"1 ({share:.1%}) {off}",)


def test_sizes_that_are_taken() -> None:
    deep = {"channels": 16, "modules": 1, "depth": 3}
    assert found({"valid": [32, [32, 48]]}, stages=[deep]) == []
    small, wide = found({"valid": [32, 2, [3, 32]]}, stages=[deep])
    assert small.message == "the network does not take 2×2 pixels"
    assert wide.message == "the network does not take 3×32 pixels"
    assert small.span is not None
    assert small.span.text == "2"
    assert small.notes[0].startswith("valid: ")


def test_nothing_is_expected_of_a_network_that_is_wrong() -> None:
    problems = found({"depth": 3}, stages=[{"channels": 16, "modules": 1, "depth": 9}])
    assert {d.code for d in problems} == {"E306"}


def test_it_does_not_make_another_network() -> None:
    spec = tiny_spec(expect={"depth": 5})
    assert load(spec).sha256 == load(tiny_spec()).sha256
    assert archcompiler.compile(spec).source == archcompiler.compile(tiny_spec()).source
    assert "[expect]\ndepth = 5" in show(load(spec))


def test_it_holds_at_the_size_of_the_spec() -> None:
    network = archcompiler.compile(tiny_spec(expect={"macs": COSTS["macs"]}))
    at_size(network, 64, 64)


def test_a_setting_changes_what_is_expected_and_what_is() -> None:
    spec = tiny_spec(expect={"params": COSTS["params"]})
    (problem,) = archcompiler.check(spec, ["classes=11"])
    assert problem.code == "E320"
    assert archcompiler.check(spec, ["classes=11", "expect.params=any"]) == []
