"""Lines and columns of an editor, and texts that cannot be read."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient
from unit.lsp.editing import (
    BAD,
    capabilities,
    changed,
    checked,
    opened,
    published,
    told,
)

pytestmark = pytest.mark.asyncio


async def test_columns_are_those_of_the_editor(editor: LanguageClient, tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    text = 'stages = []\ntitle = "\U0001f600", \n'

    (found,) = await opened(editor, path, text)
    # The comma stands after an emoji, which is two units of UTF-16.
    assert found.range.start == types.Position(1, len('title = "xx"'))


async def test_lines_are_those_of_the_editor(editor: LanguageClient, tmp_path: Path) -> None:
    strange = ("\u2028", "\u2029", "\x85")
    for i, (end, mark) in enumerate(itertools.product(("\n", "\r\n"), strange)):
        await _lines_are_those_of(editor, tmp_path / f"net{i}.toml", end, mark)


async def _lines_are_those_of(editor: LanguageClient, path: Path, end: str, strange: str) -> None:
    lines = ['extends = "attention56"', 'name = "a"', f'title = "{strange}"', "[head]", "p = 1", ""]

    before = await opened(editor, path, end.join(lines))
    assert [d.range.start for d in before] == [types.Position(4, 0)]
    # A key is written on the last line, in the way that the server has asked for.
    lines[4] = "modlues = 1"
    where = types.Range(types.Position(4, 0), types.Position(4, 1))
    edit = types.TextDocumentContentChangePartial(text="modlues", range=where)
    whole = types.TextDocumentContentChangeWholeDocument(end.join(lines))
    (able,) = capabilities
    sync = able.text_document_sync
    assert isinstance(sync, types.TextDocumentSyncOptions)
    change = whole if sync.change == types.TextDocumentSyncKind.Full else edit
    document = types.VersionedTextDocumentIdentifier(2, path.as_uri())
    editor.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
    (found,) = await published(editor, path)
    assert found.message.startswith("unknown key `modlues`")
    assert found.range == types.Range(types.Position(4, 0), types.Position(4, 7))
    hover = await editor.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(path.as_uri()), types.Position(1, 99))
    )
    assert hover is not None
    assert hover.contents.value.startswith("`name`: ")  # type: ignore[union-attr]


MISTAKES = [
    ("net.json", '{"extends": "attention56",\r"nam": 1}', 1),
    ("net.json", '{"extends": "attention56",\r\r\n\n\r"nam": 1}', 4),
    ("net.toml", 'stages = "\u2028" # \x0c\n', 0),
    ("net.toml", "[[stages]]\n# \u2028\x85\n# \x1c\n", 2),
]


async def test_lines_of_mistakes_are_those_of_the_editor(
    editor: LanguageClient, tmp_path: Path
) -> None:
    for i, (name, text, line) in enumerate(MISTAKES):
        found = await opened(editor, tmp_path / str(i) / name, text)
        assert found[-1].range.start.line == line, text


UNREADABLE = [
    ("net.toml", 'extends = "attention56"\nname = \n'),
    ("net.toml", 'name = "x\nextends = "atention56"\n'),
    ("net.toml", 'extends = "attention56"\nname = "a"\nname = "b"\n'),
    ("net.toml", 'extends = "smoke"\n[optimizer]\nlr = = 1\n'),
    ("net.toml", 'recipe = "smoke"\nseeds = [\n[[specs]]\nspec = "attention56"\n'),
    ("net.json", '{"extends": "attention56", "name": }'),
    ("net.json", '{"name": , "stages": []}'),
    ("net.toml", BAD + "# " + "x" * (1 << 17)),
    ("net.toml", BAD + "# " + "é" * (1 << 16)),
]


async def test_what_cannot_be_read_is_told(editor: LanguageClient, tmp_path: Path) -> None:
    for i, (name, text) in enumerate(UNREADABLE):
        path = tmp_path / str(i) / name
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        expected = [(code, line or 1, column or 1) for code, line, column in checked(path)]

        assert told(await opened(editor, path, text)) == expected
        assert {code for code, _, _ in expected} <= {"E105", "E110", "E111"}


async def test_a_file_remains_what_it_is_while_it_is_broken(
    editor: LanguageClient, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"

    assert await opened(editor, path, "seed = 1\nepochs = 50\n") == []
    for text in ("seed = 1\nepochs = \n", "seed = 1\nepochs = 5\nbatch_size\n"):
        assert [d.code for d in await changed(editor, path, text)] == ["E110"]
        document = types.TextDocumentIdentifier(path.as_uri())
        editor.text_document_did_save(types.DidSaveTextDocumentParams(document))
        assert [d.code for d in await published(editor, path)] == ["E110"]
