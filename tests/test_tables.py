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
README = ROOT / "README.md"
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*/spec.toml"))
SHIPPED = [*sorted(ROOT.glob("specs/*.toml")), *sorted(ROOT.glob("specs/baselines/*.toml"))]
COLUMNS = "input,trunk_depth,params,macs,fvcore_flops,activations,train_saved_bytes"
MARKED = re.compile(r"(?<=<!-- complexity table -->\n).*?(?=<!-- /complexity table -->)", re.DOTALL)


def flops(*arguments: str | Path) -> str:
    result = CliRunner().invoke(group, ["flops", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def readme_table() -> str:
    """The table of all shipped specs."""
    return flops(*SHIPPED, "--columns", COLUMNS, "--format", "md", "--names")


def in_readme(text: str, table: str) -> str:
    """The README with this table between its markers."""
    assert len(MARKED.findall(text)) == 1
    return MARKED.sub(lambda _: f"\n{table}\n", text)


def printed(spec: Path) -> str:
    """The golden table of a spec: every column of its modules."""
    return flops(spec, "--by", "module", "--depth", "4", "--columns", "all")


def table_path(spec: Path) -> Path:
    return spec.with_name("costs.txt")


def test_readme() -> None:
    text = README.read_text(encoding="utf-8")
    assert in_readme(text, readme_table()) == text


def test_every_shipped_network_is_in_the_readme() -> None:
    (table,) = MARKED.findall(README.read_text(encoding="utf-8"))
    rows = re.findall(r"^\| ([a-z]\S*) \| \d", table, re.MULTILINE)
    assert rows == [spec.stem for spec in SHIPPED]


@pytest.mark.parametrize("spec", GOLDEN, ids=lambda spec: spec.parent.name)
def test_golden_table(spec: Path) -> None:
    assert printed(spec) == table_path(spec).read_text(encoding="utf-8")
