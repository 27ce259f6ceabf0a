"""What a file is, by all that it extends."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcompiler.config.files import Files
from archcompiler.diagnostics.read import MAX_BYTES
from archcompiler.study.kinds import kind_of


@pytest.mark.parametrize(("share", "kind"), [(0.4, "recipe"), (0.6, None)])
def test_no_more_is_read_than_one_file_may_have(
    tmp_path: Path, share: float, kind: str | None
) -> None:
    padding = f"# {'.' * int(share * MAX_BYTES)}\n"
    (tmp_path / "base.toml").write_text(f"{padding}epochs = 5\n")
    (tmp_path / "mine.toml").write_text(f'{padding}extends = "base.toml"\n')
    assert kind_of(tmp_path / "mine.toml", Files()) == kind
