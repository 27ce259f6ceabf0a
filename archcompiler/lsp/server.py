"""The protocol: documents and positions of an editor to texts and offsets, and answers back."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from archcompiler import __version__
from archcompiler.diagnostics import Diagnostic, Severity, Source, Span
from archcompiler.diagnostics.read import FORMATS
from archcompiler.lsp import answers
from archcompiler.lsp.opened import Opened, OpenFiles

_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
}


class SpecServer(LanguageServer):
    """Keeps what is known of every spec that is open."""

    def __init__(self) -> None:
        super().__init__("archcompiler", f"v{__version__}")
        self.known: dict[str, Opened] = {}

    def opened(self, uri: str) -> Opened | None:
        """What is known of a document; None for a file of another program."""
        document = self.workspace.get_text_document(uri)
        path = Path(document.path)
        format = FORMATS.get(path.suffix.lower())
        if format is None:
            return None
        text = document.source.replace("\r\n", "\n")
        known = self.known.get(uri)
        if known is None or known.source.text != text or known.source.path != path:
            known = Opened(Source(path.name, text, format, path), OpenFiles(self._text))
            self.known[uri] = known
        return known if known.kind is not None else None

    def _text(self, path: Path) -> str | None:
        found = self.workspace.text_documents.get(uris.from_fs_path(str(path)) or "")
        return found.source if found is not None else None

    def refresh(self, uri: str) -> None:
        """Publish what is wrong with a document, and with those that are open and extend it."""
        path = uris.to_fs_path(uri)
        users = [
            other
            for other, opened in self.known.items()
            if other != uri and any(str(asked) == path for asked in opened.files.asked)
        ]
        for other in users:
            del self.known[other]
        for each in (uri, *users):
            opened = self.opened(each)
            found = () if opened is None else opened.diagnostics
            document = self.workspace.get_text_document(each)
            self.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(
                    each,
                    [_diagnostic(self, opened, d) for d in found] if opened is not None else [],
                    document.version,
                )
            )

    def forget(self, uri: str) -> None:
        self.known.pop(uri, None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def offset(self, uri: str, position: types.Position, opened: Opened) -> int:
        """Characters before a position."""
        document = self.workspace.get_text_document(uri)
        place = self.workspace.position_codec.position_from_client_units(document.lines, position)
        lines = opened.source.text.split("\n")
        return sum(len(line) + 1 for line in lines[: place.line]) + place.character

    def range(self, span: Span) -> types.Range:
        """A span as the editor counts, in the file that it is in."""
        lines = span.source.text.split("\n")
        start, end = span.location, span.source.location(span.end)
        counted = types.Range(
            types.Position(start.line - 1, start.column - 1),
            types.Position(end.line - 1, end.column - 1),
        )
        return self.workspace.position_codec.range_to_client_units(
            [line + "\n" for line in lines], counted
        )


def _diagnostic(server: SpecServer, opened: Opened, found: Diagnostic) -> types.Diagnostic:
    """A diagnostic in the document; one about a file that it names stands where it does."""
    span, related = found.span, None
    if span is None or span.source != opened.source:
        if span is not None and span.source.path is not None:
            place = types.Location(_uri(span.source), server.range(span))
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


def _uri(source: Source) -> str:
    assert source.path is not None
    return uris.from_fs_path(str(source.path.resolve())) or ""


def make_server() -> SpecServer:
    """A server with all that it can do."""
    server = SpecServer()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        server.refresh(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        server.refresh(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.known.clear()
        for uri in list(server.workspace.text_documents):
            server.refresh(uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        opened = server.opened(params.text_document.uri)
        if opened is None:
            return None
        offset = server.offset(params.text_document.uri, params.position, opened)
        text = answers.hover(opened, offset)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        opened = server.opened(params.text_document.uri)
        if opened is None:
            return []
        return [
            types.InlayHint(
                server.range(Span(opened.source, end, end)).start, words, padding_left=True
            )
            for end, words in answers.hints(opened)
        ]

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        opened = server.opened(params.text_document.uri)
        if opened is None:
            return None
        offset = server.offset(params.text_document.uri, params.position, opened)
        span = answers.definition(opened, offset)
        if span is None or span.source.path is None:
            return None
        return types.Location(_uri(span.source), server.range(span))

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
        for diagnostic, fix in answers.fixes(opened.diagnostics):
            place = server.range(fix.span)
            if fix.span.source == opened.source and _meet(place, params.range):
                change = types.WorkspaceEdit({uri: [types.TextEdit(place, fix.text)]})
                shown = _diagnostic(server, opened, diagnostic)
                kind = types.CodeActionKind.QuickFix
                found.append(
                    types.CodeAction(fix.title, kind, [shown], is_preferred=True, edit=change)
                )
        return found

    return server


def _meet(a: types.Range, b: types.Range) -> bool:
    return (a.start.line, a.start.character) <= (b.end.line, b.end.character) and (
        b.start.line,
        b.start.character,
    ) <= (a.end.line, a.end.character)


__all__ = ["SpecServer", "make_server"]
