"""A folder with a spec and a space over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import tiny_spec
from unit.search.spaces import BUDGET, SPACE

from archcompiler.config.toml import toml_text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    spec = tiny_spec({"channels": 16}, {"channels": 32, "stride": 2}, unit="basic")
    (tmp_path / "base.toml").write_text(toml_text(spec), encoding="utf-8")
    (tmp_path / "space.toml").write_text(SPACE + BUDGET, encoding="utf-8")
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path
