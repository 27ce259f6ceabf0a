"""What an editor asks of a spec, answered in plain values: no protocol, no lines and columns."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import Diagnostic, Span
from archcompiler.diagnostics.span import Format
from archcompiler.figure.words import shape_words, short
from archcompiler.lsp.meaning import home_of, meaning
from archcompiler.lsp.opened import Opened
from archcompiler.tables.report import Row

_FIX: Final = re.compile(r"(?:did you mean|write) `([^`\\]+)`")
_END: Final = re.compile(r"[\r\n]|\Z")
"""Of a line."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A text to put in place of another."""

    title: str
    span: Span
    text: str


def hover(opened: Opened, offset: int) -> str | None:
    """What its key means and what its stage costs, in Markdown; None where nothing is known."""
    path = opened.path_at(offset)
    parts = [*filter(None, [meaning(opened, path)]), *_cost(opened, path)]
    return "\n\n".join(parts) or None


def _cost(opened: Opened, path: SpecPath) -> Iterator[str]:
    report = opened.report
    row = _row(opened, path)
    if report is None or row is None:
        if report is not None and path and path[0] in ("name", "title", "input", "extends"):
            cost = report.cost
            yield (
                f"**{report.title}**: {cost.params:,} parameters, {cost.macs:,} MACs at "
                f"{shape_words(report.input)}, trunk depth {report.trunk_depth}"
            )
        return
    share = 100 * row.cost.macs / report.cost.macs if report.cost.macs else 0.0
    shape = f" → {shape_words(row.output)}" if row.output is not None else ""
    yield (
        f"**{row.name}**{shape}: {row.cost.params:,} parameters, {row.cost.macs:,} MACs "
        f"({share:.1f} %), {row.cost.saved_bytes:,} bytes kept for the backward pass"
    )


def _row(opened: Opened, path: SpecPath) -> Row | None:
    match path:
        case ("stages", step, *_) if str(step).isdecimal():
            return opened.rows.get(f"stage{int(step) + 1}")
        case ("stem" | "head" as part, *_):
            return opened.rows.get(part)
    return None


def hints(opened: Opened) -> Iterator[tuple[int, str]]:
    """What a stem, a stage and a head give and cost, at the end of the line that begins each."""
    seen: set[int] = set()
    for name, row in opened.rows.items():
        path: SpecPath = (name,)
        if name.startswith("stage"):
            path = ("stages", int(name.removeprefix("stage")) - 1)
        span = opened.written(path)
        if span is None:
            continue
        ended = _END.search(opened.source.text, span.end)
        assert ended is not None
        end = ended.start()
        if end in seen or row.output is None:
            continue
        seen.add(end)
        yield end, f"{shape_words(row.output)} · {short(row.cost.macs)} MACs"


def definition(opened: Opened, offset: int) -> Span | None:
    """Where what a spec says here comes from.

    Of the name of a file, the file; of the name of a block, the block; of a value that another spec
    has too, that one.
    """
    path = opened.path_at(offset)
    if path in opened.named:
        return Span(opened.named[path].source, 0, 0)
    named = _block(opened, path)
    if named is not None:
        return named
    spans = (base.written(path) for base in opened.bases if path)
    return next((span for span in spans if span is not None), None)


def _block(opened: Opened, path: SpecPath) -> Span | None:
    """The table of the block that a value names."""
    value, home = opened.value(path), home_of(path)
    if not isinstance(value, str) or opened.network is None or home is None:
        return None
    library = opened.network.loaded.library
    table = library.table(value, home) if value in library.names(home) else None
    if table is None:
        return None
    return table.span("key") if table.path else Span(table.text.source, 0, 0)


def fix(opened: Opened, diagnostic: Diagnostic) -> Fix | None:
    """What `help:` says to write, in the way of writing that mends it; None if none does."""
    found, span = _FIX.match(diagnostic.help or ""), diagnostic.span
    if found is None or span is None or span.source != opened.source or "\n" in span.text:
        return None
    for text in _ways(found[1], span.text, opened.source.format):
        fix = Fix(f"Write `{found[1]}`", span, text)
        if text != span.text and _mends(opened, fix, diagnostic.code):
            return fix
    return None


def _ways(text: str, old: str, format: Format) -> Iterator[str]:
    """A text as it may have to be written in place of another: also as a string, and in JSON."""
    quote = old[:1] if old[:1] in ("'", '"') else ""
    if text.startswith("{"):
        table = tomllib.loads(f"value = {text}")["value"]
        yield text if format == "toml" else json.dumps(table)
        return
    # What is only a part of a string, or cannot be told from one, is not known well enough.
    if quote and "\\" not in old and not old.startswith(quote * 2):
        yield f"{quote}{text}{quote}"
    yield text


def _mends(opened: Opened, fix: Fix, code: str) -> bool:
    """Whether what is wrong at a place is right then, and the text one that can be read."""
    before, span = opened.source.text, fix.span
    source = replace(opened.source, text=before[: span.start] + fix.text + before[span.end :])
    end = span.start + len(fix.text)
    broken = {"E110", "E111", "E112", "E113"} - {d.code for d in opened.diagnostics}
    return not any(
        d.code in broken
        or (
            d.code in (code, "E203")
            and d.span is not None
            and d.span.source == source
            and span.start < d.span.end
            and d.span.start < end
        )
        for d in Opened(source, opened.files, opened.kind).diagnostics
    )
