"""Diagnostics for people, in the manner of rustc."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from archcompiler.diagnostics.diagnostic import Diagnostic, Severity
from archcompiler.diagnostics.render.excerpt import excerpt
from archcompiler.diagnostics.render.visible import visible

_MAX_MESSAGE: Final = 1000
_RESET: Final = "\x1b[0m"
_STYLES: Final = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "title": "\x1b[1m",
    "frame": "\x1b[1;34m",
    "help": "\x1b[1;36m",
}

_Paint: TypeAlias = Callable[[str, str], str]


def report(diagnostics: Sequence[Diagnostic], *, color: bool) -> str:
    """Each diagnostic with its line of the source, and how many there are; "" for none."""
    if not diagnostics:
        return ""
    paint = _colored if color else _plain
    blocks = ["\n".join(_block(diagnostic, paint)) for diagnostic in diagnostics]
    return "\n\n".join([*blocks, _summary(diagnostics)])


def _block(diagnostic: Diagnostic, paint: _Paint) -> Iterator[str]:
    severity = diagnostic.severity.value
    head = paint(severity, f"{severity}[{diagnostic.code}]")
    yield head + paint("title", f": {_message(diagnostic.message)}")
    margin = " "
    if diagnostic.span is not None:
        location = diagnostic.span.location
        number = str(location.line)
        margin = " " * len(number)
        place = f"{visible(diagnostic.span.source.name)}:{location.line}:{location.column}"
        part = excerpt(diagnostic.span)
        mark = " " * part.indent + paint(severity, "^" * part.length)
        yield f"{margin}{paint('frame', '-->')} {place}"
        yield f"{margin} {paint('frame', '|')}"
        yield f"{paint('frame', f'{number} |')} {part.line}".rstrip()
        yield f"{margin} {paint('frame', '|')} {mark}"
    for note in diagnostic.notes:
        yield f"{margin} {paint('frame', '=')} {paint('title', 'note')}: {_message(note)}"
    if diagnostic.help is not None:
        yield f"{margin} {paint('frame', '=')} {paint('help', 'help')}: {_message(diagnostic.help)}"


def _message(text: str) -> str:
    cut = text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}..."
    return visible(cut)


def _summary(diagnostics: Sequence[Diagnostic]) -> str:
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    counts = {"error": errors, "warning": len(diagnostics) - errors}
    return ", ".join(
        f"{count} {word}{'s' if count > 1 else ''}" for word, count in counts.items() if count
    )


def _plain(style: str, text: str) -> str:
    return text


def _colored(style: str, text: str) -> str:
    return f"{_STYLES[style]}{text}{_RESET}"
