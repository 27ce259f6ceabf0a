from __future__ import annotations

from pathlib import Path

import pytest
from tiny import tiny_toml
from unit.cli.invoking import write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which has `tiny.toml`."""
    monkeypatch.chdir(tmp_path)
    write("tiny.toml", tiny_toml())
    return tmp_path
