"""Committed cost tables against what `archcompiler flops` prints now.

`python tests/regenerate.py tables` writes them anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from archcompiler.cli.program import group

ROOT = Path(__file__).parents[1]
NETWORKS = ROOT / "docs" / "reference" / "networks.md"
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*/spec.toml"))
SHIPPED = [*sorted(ROOT.glob("specs/*.toml")), *sorted(ROOT.glob("specs/baselines/*.toml"))]
COLUMNS = "input,trunk_depth,params,macs,fvcore_flops,activations,train_saved_bytes"
MARKED = re.compile(r"(?<=<!-- complexity table -->\n).*?(?=<!-- /complexity table -->)", re.DOTALL)


def flops(*arguments: str | Path) -> str:
    result = CliRunner().invoke(group, ["flops", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def networks_table() -> str:
    """The table of all shipped specs."""
    return flops(*SHIPPED, "--columns", COLUMNS, "--format", "md", "--names")


def in_networks(text: str, table: str) -> str:
    """The page with this table between its markers."""
    assert len(MARKED.findall(text)) == 1
    return MARKED.sub(lambda _: f"\n{table}\n", text)


def printed(spec: Path) -> str:
    """The golden table of a spec: every column of its modules."""
    return flops(spec, "--by", "module", "--depth", "4", "--columns", "all")


def table_path(spec: Path) -> Path:
    return spec.with_name("costs.txt")


def test_the_table_of_the_networks_is_current() -> None:
    text = NETWORKS.read_text(encoding="utf-8")
    assert in_networks(text, networks_table()) == text


def test_every_shipped_network_is_in_the_table() -> None:
    (table,) = MARKED.findall(NETWORKS.read_text(encoding="utf-8"))
    rows = re.findall(r"^\| ([a-z]\S*) \| \d", table, re.MULTILINE)
    assert rows == [spec.stem for spec in SHIPPED]


@pytest.mark.parametrize("spec", GOLDEN, ids=lambda spec: spec.parent.name)
def test_golden_table(spec: Path) -> None:
    assert printed(spec) == table_path(spec).read_text(encoding="utf-8")
