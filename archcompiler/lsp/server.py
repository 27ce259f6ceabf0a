"""The protocol: documents and positions of an editor to texts and offsets, and answers back."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from archcompiler import __version__
from archcompiler.diagnostics import Diagnostic, Severity, Source, Span
from archcompiler.diagnostics.read import FORMATS
from archcompiler.lsp import answers
from archcompiler.lsp.opened import Opened, OpenFiles, real

_LINE: Final = re.compile(r"(?<=[\r\n])")
"""Between lines of the protocol, in a text whose `\\r\\n` are `\\n`. A `\\r` alone ends one."""
_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
}


class SpecServer(LanguageServer):
    """Keeps what is known of every file that is open."""

    def __init__(self) -> None:
        # Whole texts: pygls applies edits by the lines of Python, of which there may be more.
        whole = types.TextDocumentSyncKind.Full
        super().__init__("archcompiler", f"v{__version__}", text_document_sync_kind=whole)
        self.paths: dict[str, Path] = {}
        """The files that are open, without links, each by what the editor calls it."""
        self.known: dict[str, Opened] = {}

    def opened(self, uri: str, *, again: bool = False) -> Opened | None:
        """What is known of a file that is open; None for one of another program.

        All of it is found out `again` where a file has changed that it depends on.
        """
        if uri not in self.paths:
            return None
        document = self.workspace.get_text_document(uri)
        path = Path(document.path)
        text = document.source.replace("\r\n", "\n")
        known = self.known.get(uri)
        if known is None or again or known.source.text != text:
            source = Source(path.name, text, FORMATS[path.suffix.lower()], path)
            before = None if known is None else known.kind
            known = self.known[uri] = Opened(source, OpenFiles(self._text), before)
        return known if known.kind is not None else None

    def _text(self, path: Path) -> str | None:
        uri = self.uri(path)
        return None if uri is None else self.workspace.get_text_document(uri).source

    def uri(self, path: Path) -> str | None:
        """What the editor calls a file that is open there."""
        path = real(path)
        return next((uri for uri, opened in self.paths.items() if opened == path), None)

    def open(self, uri: str) -> None:
        path = uris.to_fs_path(uri)
        if path is not None and Path(path).suffix.lower() in FORMATS:
            self.paths[uri] = real(Path(path))
        self.refresh(uri)

    def close(self, uri: str) -> None:
        self.known.pop(uri, None)
        path = self.paths.pop(uri, None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))
        if path is not None:
            self.recheck({path})

    def refresh(self, uri: str) -> None:
        """Publish what is wrong with a file, and with those that are open and depend on it."""
        self.publish(uri)
        if uri in self.paths:
            self.recheck({self.paths[uri]}, but=uri)

    def recheck(self, paths: Collection[Path], but: str | None = None) -> None:
        """Publish what is wrong with files that depend on some which have changed."""
        for uri, opened in list(self.known.items()):
            if uri != but and opened.files.has_asked(paths):
                self.publish(uri, again=True)

    def publish(self, uri: str, *, again: bool = False) -> None:
        opened = self.opened(uri, again=again)
        found = [] if opened is None else [_diagnostic(self, opened, d) for d in opened.diagnostics]
        version = self.workspace.get_text_document(uri).version
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, version))

    def watch(self) -> None:
        """Ask to be told of files that others write, where the editor can do that."""
        workspace = self.client_capabilities.workspace
        watches = workspace.did_change_watched_files if workspace is not None else None
        if watches is None or not watches.dynamic_registration:
            return
        every = types.FileSystemWatcher(glob_pattern="**/*.{toml,json}")
        options = types.DidChangeWatchedFilesRegistrationOptions([every])
        method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        asked = types.Registration("watch", method, options)
        self.client_register_capability(types.RegistrationParams([asked]))

    def offset(self, position: types.Position, source: Source) -> int:
        """Characters before a position."""
        codec = self.workspace.position_codec
        lines = _LINE.split(source.text)
        if position.line >= len(lines):
            return len(source.text)
        line = lines[position.line].rstrip("\r\n")
        inside = types.Position(0, min(position.character, codec.client_num_units(line)))
        column = codec.position_from_client_units([line], inside).character
        return sum(map(len, lines[: position.line])) + column

    def position(self, source: Source, offset: int) -> types.Position:
        """A place in a text as the editor counts."""
        before = _LINE.split(source.text[:offset])
        column = self.workspace.position_codec.client_num_units(before[-1])
        return types.Position(len(before) - 1, column)

    def range(self, span: Span) -> types.Range:
        """A span as the editor counts, in the file that it is in."""
        return types.Range(
            self.position(span.source, span.start), self.position(span.source, span.end)
        )


def _diagnostic(server: SpecServer, opened: Opened, found: Diagnostic) -> types.Diagnostic:
    """A diagnostic in the document; one about a file that it names stands where it does."""
    span, related = found.span, None
    if span is None or span.source != opened.source:
        if span is not None and span.source.path is not None:
            place = types.Location(_uri(server, span.source), server.range(span))
            related = [types.DiagnosticRelatedInformation(place, found.message)]
        span = Span(opened.source, 0, 0) if span is None else opened.names(span.source)
    notes = [f"note: {note}" for note in found.notes]
    help = [f"help: {found.help}"] if found.help is not None else []
    return types.Diagnostic(
        range=server.range(span),
        message="\n".join([found.message, *notes, *help]),
        severity=_SEVERITY[found.severity],
        code=found.code,
        source="archcompiler",
        related_information=related,
    )


def _uri(server: SpecServer, source: Source) -> str:
    """What an editor calls the file of a text."""
    assert source.path is not None
    path = real(source.path)
    return server.uri(path) or uris.from_fs_path(str(path)) or ""


def make_server() -> SpecServer:
    """A server with all that it can do."""
    server = SpecServer()

    @server.feature(types.INITIALIZED)
    def initialized(params: types.InitializedParams) -> None:
        server.watch()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        server.open(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        server.refresh(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        for uri in server.paths:
            server.publish(uri, again=True)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.close(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        paths = (uris.to_fs_path(change.uri) for change in params.changes)
        server.recheck({real(Path(path)) for path in paths if path is not None})

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        opened = server.opened(params.text_document.uri)
        if opened is None:
            return None
        offset = server.offset(params.position, opened.source)
        text = answers.hover(opened, offset)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        opened = server.opened(params.text_document.uri)
        if opened is None:
            return []
        return [
            types.InlayHint(server.position(opened.source, end), words, padding_left=True)
            for end, words in answers.hints(opened)
        ]

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        opened = server.opened(params.text_document.uri)
        if opened is None:
            return None
        offset = server.offset(params.position, opened.source)
        span = answers.definition(opened, offset)
        if span is None or span.source.path is None:
            return None
        return types.Location(_uri(server, span.source), server.range(span))

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    )
    def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        opened = server.opened(uri)
        if opened is None:
            return []
        found = []
        for diagnostic in opened.diagnostics:
            shown = _diagnostic(server, opened, diagnostic)
            fix = answers.fix(opened, diagnostic) if _meet(shown.range, params.range) else None
            if fix is None:
                continue
            edit = types.TextEdit(server.range(fix.span), fix.text)
            found.append(
                types.CodeAction(
                    fix.title,
                    types.CodeActionKind.QuickFix,
                    [shown],
                    is_preferred=True,
                    edit=types.WorkspaceEdit({uri: [edit]}),
                )
            )
        return found

    return server


def _meet(a: types.Range, b: types.Range) -> bool:
    return (a.start.line, a.start.character) <= (b.end.line, b.end.character) and (
        b.start.line,
        b.start.character,
    ) <= (a.end.line, a.end.character)


__all__ = ["SpecServer", "make_server"]
