"""An editor of the tests: what it opens, and what it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from lsprotocol import types
from pytest_lsp import LanguageClient

from archcompiler.cli.program import group

ROOT = Path(__file__).parents[3]
BAD = (ROOT / "specs/attention56.toml").read_text().replace("modules", "modlues", 1)
"""A spec with one mistake."""
capabilities: list[types.ServerCapabilities] = []
registered: list[types.Registration] = []
"""What the server has asked the editor for."""


async def opened(
    editor: LanguageClient, path: Path, text: str, language: str = "toml"
) -> list[types.Diagnostic]:
    item = types.TextDocumentItem(path.as_uri(), language, 1, text)
    editor.text_document_did_open(types.DidOpenTextDocumentParams(item))
    return await published(editor, path)


async def changed(editor: LanguageClient, path: Path, text: str) -> list[types.Diagnostic]:
    document = types.VersionedTextDocumentIdentifier(2, path.as_uri())
    whole = types.TextDocumentContentChangeWholeDocument(text)
    editor.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))
    return await published(editor, path)


async def published(editor: LanguageClient, path: Path) -> list[types.Diagnostic]:
    said = editor.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    await asyncio.wait_for(said, 60)
    return list(editor.diagnostics.get(path.as_uri(), ()))


def at(path: Path, text: str, word: str, nth: int = 0) -> dict[str, Any]:
    """A document and the place of a word in it."""
    place = -1
    for _ in range(nth + 1):
        place = text.index(word, place + 1)
    line = text.count("\n", 0, place)
    position = types.Position(line, place - (text.rfind("\n", 0, place) + 1))
    return {
        "text_document": types.TextDocumentIdentifier(path.as_uri()),
        "position": position,
    }


async def fixed(editor: LanguageClient, path: Path, text: str) -> list[tuple[str, str]]:
    """The fixes of a text, each with what becomes of it."""
    actions = await editor.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(path.as_uri()),
            types.Range(types.Position(0, 0), types.Position(999, 0)),
            types.CodeActionContext([]),
        )
    )
    found = []
    for action in actions or []:
        assert isinstance(action, types.CodeAction)
        assert action.edit is not None
        (edit,) = action.edit.changes[path.as_uri()]  # type: ignore[index]
        lines = text.split("\n")
        line = lines[edit.range.start.line]
        start, end = edit.range.start.character, edit.range.end.character
        lines[edit.range.start.line] = line[:start] + edit.new_text + line[end:]
        found.append((action.title, "\n".join(lines)))
    return found


def checked(path: Path) -> list[tuple[str, int, int]]:
    """What the command line says of a file: codes, lines, columns."""
    printed = CliRunner().invoke(group, ["check", str(path), "--format", "json"])
    found = json.loads(printed.stdout)["diagnostics"]
    return [(d["code"], d["line"], d["column"]) for d in found]


def told(found: list[types.Diagnostic]) -> list[tuple[int | str | None, int, int]]:
    """The same of what the server has said."""
    return [(d.code, d.range.start.line + 1, d.range.start.character + 1) for d in found]


async def soon(
    editor: LanguageClient, path: Path, fits: Callable[[list[types.Diagnostic]], bool]
) -> bool:
    """Whether what is said of a file comes to fit."""
    for _ in range(100):
        if fits(list(editor.diagnostics.get(path.as_uri(), ()))):
            return True
        await asyncio.sleep(0.05)
    return False


async def closed(editor: LanguageClient, uri: str) -> None:
    editor.text_document_did_close(
        types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
    )
