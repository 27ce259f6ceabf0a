"""What a file is, by all that it extends."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcompiler.config.files import Files
from archcompiler.diagnostics import Source
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


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('#:schema ../archcompiler.schema.json\nwidth = 5\nspecs = ["a"]\n', "spec"),
        ('#:schema archcompiler.recipe.schema.json\nname = "mine"\n', "recipe"),
        ("#:schema archcompiler.space.schema.json\nepochs = 5\n", "space"),
        ('{"$schema": "archcompiler.study.schema.json", "epochs": 5}', "study"),
        ('extends = "attention56"\n[space]\ninput = [[3, 32, 32]]\n', "space"),
        ('extends = "attention56"\nspecs = ["attention56"]\n', "study"),
        ('extends = "attention56"\n', "spec"),
        ('extends = "attention56"\nclasses = 5\n', "spec"),
        ('extends = "attention56"\nwidth = 5\n', None),
        ('extends = "cifar_paper"\nwidth = 5\n', "recipe"),
        ('extends = "label_noise"\nseeds = [5]\n', "study"),
        ("epochs = 5\n", "recipe"),
        ("width = 5\n", None),
    ],
)
def test_what_a_file_is(tmp_path: Path, text: str, kind: str | None) -> None:
    file = tmp_path / ("mine.json" if text[0] == "{" else "mine.toml")
    file.write_text(text)
    assert kind_of(file) == kind
    file.unlink()
    assert kind_of(Source(file.name, text, "json" if text[0] == "{" else "toml", file)) == kind
