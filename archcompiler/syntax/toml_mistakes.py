"""What is wrong with a TOML text: the errors of tomllib made plainer."""

from __future__ import annotations

import re
from typing import Final

from archcompiler.diagnostics import Diagnostic, Location, Source, Span, error
from archcompiler.syntax.tokens import open_bracket, open_string

# 3.11's TOMLDecodeError says where only in its text.
_WHERE: Final = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)
_TWICE: Final = re.compile(
    r"cannot (?:declare .* twice|overwrite a value|mutate immutable namespace|redefine namespace)"
    r"|duplicate inline table key",
    re.DOTALL,
)
_QUOTED: Final = re.compile(r"'(.+?)'")
_WORD: Final = re.compile(r"[^\s,=#\[\]{}]*")
_OPEN: Final = re.compile(
    r"""unterminated string|expected "'|(?:illegal|found invalid) character '\\n'"""
)
_CONTROL: Final = re.compile("(?:illegal|found invalid) character")
_OPEN_HELP: Final = "close it; a string over several lines has three quotes on each side"
_ESCAPE_HELP: Final = "write `\\\\` for a backslash, or put the string in single quotes"
_KEY_HELP: Final = "a key of other characters than A-Z, a-z, 0-9, - and _ needs quotes"


def diagnose(source: Source, report: str) -> Diagnostic:
    """E110 or E111, of what tomllib has said."""
    found = _WHERE.fullmatch(report)
    what = found["what"] if found else report
    what = what[:1].lower() + what[1:]
    # The end is where the last line that says something ends, not an empty line below it.
    offset = len(source.text.rstrip())
    if found and found["line"]:
        offset = source.offset(Location(int(found["line"]), int(found["column"])))
    if _TWICE.match(what):
        from archcompiler.syntax.toml_places import locate

        clashes = locate(source.text).clashes
        return clashes[0].report(source) if clashes else error("E111", what, _word(source, offset))
    if _OPEN.match(what) and (opened := open_string(source.text)) is not None:
        return error("E110", "the string does not end", Span(source, *opened), help=_OPEN_HELP)
    if what.startswith("unescaped"):
        start = source.text.rindex("\\", 0, offset)
        return error("E110", "no such escape", Span(source, start, start + 2), help=_ESCAPE_HELP)
    # The parser misses the bracket at what comes next, often on another line. At the end of a text,
    # which may have been cut there, it is the end that is to blame.
    if what == "unclosed array" and offset < len(source.text.rstrip()):
        bracket = open_bracket(source.text, offset)
        if bracket is not None:
            missed = source.location(offset)
            span = Span(source, bracket, bracket + 1)
            note = f"`,` or `]` was expected at {missed.line}:{missed.column}"
            return error("E110", "the array does not end", span, notes=(note,))
    span = _word(source, offset)
    message, help = _explain(_QUOTED.sub(r"`\1`", what), span.text, source.text[span.end :])
    return error("E110", message, span, help=help)


def _word(source: Source, offset: int) -> Span:
    word = _WORD.match(source.text, offset)
    return Span(source, offset, word.end() if word else offset)


def _explain(what: str, word: str, rest: str) -> tuple[str, str | None]:
    """The words of tomllib made plainer where they can be, and the likely fix."""
    if what == "invalid value":
        if not word:
            return "expected a value", None
        if word.lower() in ("true", "false"):
            return "invalid value", f"write `{word.lower()}`, in lower case"
        if word.lower() in ("null", "none", "nil"):
            return "invalid value", "TOML has no such value; leave the key out"
        if word[0].isalpha():
            return "invalid value", "put strings in quotes"
    elif what.startswith("expected `=` after a key") and word.startswith(":"):
        return "expected `=` after a key", "TOML separates a key from its value with `=`"
    elif what == "invalid statement" and word[:1].isalpha():
        return "expected a key", _KEY_HELP
    elif what == "invalid initial character for a key part":
        if rest.startswith("}"):
            return "expected a key", "an inline table has no comma after its last item"
        if not word and rest.startswith("\n"):
            return "expected a key", "an inline table is written on one line"
        return "expected a key", _KEY_HELP
    elif _CONTROL.match(what):
        return what, "write it as an escape, such as \\u001b, in double quotes"
    return what, None
