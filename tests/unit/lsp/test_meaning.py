"""What an editor is told of a key, a stage and a name: hovers, hints, definitions."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient
from unit.lsp.editing import (
    ROOT,
    at,
    opened,
)

from archcompiler.config.help import field_help
from archcompiler.runner.recipe.model import Lamb

pytestmark = pytest.mark.asyncio


async def test_hover_hints_and_definitions(editor: LanguageClient, tmp_path: Path) -> None:
    base = tmp_path / "base.toml"
    base.write_text((ROOT / "specs/attention56.toml").read_text())
    path = tmp_path / "net.toml"
    text = (
        'extends = "base.toml"\nname = "net"\nclasses = 7\n\n'
        "[stages.0]\nmodules = 2\n\n[stages.1.attention]\nt = 3\n"
    )

    assert await opened(editor, path, text) == []
    hover = await editor.text_document_hover_async(types.HoverParams(**at(path, text, "t = 3")))
    assert hover is not None
    said = hover.contents.value  # type: ignore[union-attr]
    assert "**stage2** → 28×28×512: " in said
    hover = await editor.text_document_hover_async(types.HoverParams(**at(path, text, "classes")))
    assert hover is not None
    assert hover.contents.value.startswith("`classes`: ")  # type: ignore[union-attr]
    whole = types.Range(types.Position(0, 0), types.Position(99, 0))
    hints = await editor.text_document_inlay_hint_async(
        types.InlayHintParams(types.TextDocumentIdentifier(path.as_uri()), whole)
    )
    shown = {hint.position.line: hint.label for hint in hints or []}
    assert shown.keys() == {4, 7}
    assert str(shown[4]).startswith("56×56×256 · ")
    place = await editor.text_document_definition_async(
        types.DefinitionParams(**at(path, text, "modules"))
    )
    assert isinstance(place, types.Location)
    assert place.uri == base.as_uri()
    lines = base.read_text().split("\n")
    assert lines[place.range.start.line].startswith("modules")
    place = await editor.text_document_definition_async(
        types.DefinitionParams(**at(path, text, "base.toml"))
    )
    assert isinstance(place, types.Location)
    assert place.uri == base.as_uri()


SPEC = """extends = "base.toml"
name = "net"
unit = { type = "bottleneck", groups = 2 }
norm.type = "group"
norm.groups = 4
[attention]
p = 2
mask.pool.kernel = 3
[stages.1.attention]
t = 3
mask.unit = { type = "basic", gate = "se" }
[head]
outputs = { a = 500, b = 500 }
bias = false
[blocks.mine]
title = "Mine"
[blocks.mine.options]
width = { default = 3, most = 9 }
[blocks.mine.steps]
conv = { op = "conv", channels = "c", padding = 1, kernel = "width", when = "width > 1" }
"""
RECIPE = """extends = "smoke"
[optimizer]
type = "lamb"
eps = 1e-7
"""
EXPLAINED = {
    "groups = 2": "`groups`: Groups of the 3×3",
    "groups = 4": "`groups`: ",
    "p = 2": "`p`: ",
    "kernel = 3": "`kernel`: ",
    "t = 3": "`t`: ",
    "gate": "`gate`: ",
    "bias": "`bias`: ",
    "outputs": "`outputs`: Several outputs",
    "title": "`title`: The docstring",
    "most": "`most`: The largest",
    "op = ": "`op`: An operator, a block",
    "padding": "`padding`: ",
    "when": "`when`: A condition",
}


@pytest.mark.parametrize("wrong", ["", "nam = 1\n"])
async def test_every_key_is_explained(editor: LanguageClient, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text((ROOT / "specs/attention56.toml").read_text())
    path, text = tmp_path / "net.toml", wrong + SPEC

    found = await opened(editor, path, text)
    assert {d.code for d in found} == ({"E201"} if wrong else set())
    for word, said in EXPLAINED.items():
        hover = await editor.text_document_hover_async(types.HoverParams(**at(path, text, word)))
        assert hover is not None
        assert hover.contents.value.startswith(said)  # type: ignore[union-attr]


async def test_keys_of_a_recipe_are_those_of_the_type(
    editor: LanguageClient, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.toml"

    assert await opened(editor, path, RECIPE) == []
    hover = await editor.text_document_hover_async(types.HoverParams(**at(path, RECIPE, "eps")))
    assert hover is not None
    assert hover.contents.value == f"`eps`: {field_help(Lamb)['eps']}"  # type: ignore[union-attr]
