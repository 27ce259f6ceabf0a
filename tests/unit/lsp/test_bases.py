"""What a file that extends another is told, whoever has that open or writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient
from unit.lsp.editing import (
    BAD,
    ROOT,
    changed,
    closed,
    opened,
    published,
    registered,
    soon,
)

pytestmark = pytest.mark.asyncio
WORSE = BAD.replace("depth", "depht", 1)
GOOD = BAD.replace("modlues", "modules")


async def test_a_mistake_in_what_is_extended_stands_at_extends(
    editor: LanguageClient, tmp_path: Path
) -> None:
    base, path = tmp_path / "base.toml", tmp_path / "net.toml"
    base.write_text(BAD)
    text = 'name = "net"\nextends = "base.toml"\n'

    (found,) = await opened(editor, path, text)
    assert found.range.start == types.Position(1, 0)
    (related,) = found.related_information or []
    assert related.location.uri == base.as_uri()
    # What is open in the editor counts, saved or not.
    await opened(editor, base, BAD)
    await changed(editor, base, BAD.replace("modlues", "modules"))
    assert await soon(editor, path, lambda found: not found)


@pytest.mark.parametrize(
    ("at", "called", "extends"),
    [
        ("base.toml", "base.toml", "../base.toml"),
        ("base.toml", "base.toml", "../sub/.././base.toml"),
        ("base.toml", "base.toml", "link.toml"),
        ("a(1)/base@1 é.toml", "a%281%29/base%401%20%C3%A9.toml", "../a(1)/base@1 é.toml"),
        ("a(1)/base@1;b.toml", "a(1)/base@1%3Bb.toml", "../a(1)/base@1;b.toml"),
    ],
)
async def test_a_base_that_is_open_counts_whatever_it_is_called(
    editor: LanguageClient, at: str, called: str, extends: str, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").touch()
    base, path = tmp_path / at, tmp_path / "sub" / "net.toml"
    base.parent.mkdir(exist_ok=True)
    path.parent.mkdir()
    (path.parent / "link.toml").symlink_to(base)
    base.write_text(GOOD)
    uri = f"{tmp_path.as_uri()}/{called}"
    text = f'name = "net"\nextends = "{extends}"\n'

    item = types.TextDocumentItem(uri, "toml", 1, BAD)
    editor.text_document_did_open(types.DidOpenTextDocumentParams(item))
    await published(editor, base)
    (found,) = await opened(editor, path, text)
    assert found.range.start == types.Position(1, 0)
    # The editor is led to what it has open, by the name that it has for it.
    (related,) = found.related_information or []
    assert related.location.uri == uri
    # Without it, the file on the disk counts again.
    await closed(editor, uri)
    assert await soon(editor, path, lambda found: not found)


async def test_a_base_may_be_open_that_is_not_on_the_disk(
    editor: LanguageClient, tmp_path: Path
) -> None:
    base, path = tmp_path / "base.toml", tmp_path / "net.toml"

    (found,) = await opened(editor, path, 'name = "net"\nextends = "base.toml"\n')
    assert found.code == "E207"
    await opened(editor, base, GOOD)
    assert await soon(editor, path, lambda found: not found)
    await closed(editor, base.as_uri())
    assert await soon(editor, path, lambda found: [d.code for d in found] == ["E207"])


async def test_a_shipped_spec_that_is_open_counts(editor: LanguageClient, tmp_path: Path) -> None:
    base, path = ROOT / "specs/attention56.toml", tmp_path / "net.toml"

    await opened(editor, base, BAD)
    (found,) = await opened(editor, path, 'extends = "attention56"\nname = "net"\n')
    assert found.code == "E201"


async def test_a_base_that_others_write_is_read_again(
    editor: LanguageClient, tmp_path: Path
) -> None:
    base, path, recipe = (tmp_path / f"{name}.toml" for name in ("base", "net", "mine"))
    base.write_text(GOOD)

    async def write(file: Path, text: str) -> None:
        kind = types.FileChangeType.Changed if file.exists() else types.FileChangeType.Created
        file.write_text(text)
        changes = [types.FileEvent(file.as_uri(), kind)]
        editor.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(changes))

    assert await opened(editor, path, 'extends = "./base.toml"\nname = "net"\n') == []
    (asked,) = registered
    assert asked.method == types.WORKSPACE_DID_CHANGE_WATCHED_FILES
    assert "toml" in str(asked.register_options)
    await write(base, WORSE)
    assert await soon(editor, path, lambda found: [d.code for d in found] == ["E201"] * 2)
    await write(base, GOOD)
    assert await soon(editor, path, lambda found: not found)
    # One that was not there, and one that makes a word mean two things.
    await opened(editor, recipe, 'extends = "other.toml"\nepochs = 3\n')
    await write(tmp_path / "other.toml", "seed = 1\nbatch_size = 7\n")
    assert await soon(editor, recipe, lambda found: not found)
    await changed(editor, recipe, 'extends = "smoke"\niterations = 3\n')
    await write(tmp_path / "smoke.toml", "seed = 1\n")
    assert await soon(editor, recipe, lambda found: [d.code for d in found] == ["E106"])
