"""Path or dict → validated spec: `extends`, settings, validation, rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from math import inf
from pathlib import Path
from typing import Any, Final

from archcompiler import shipped
from archcompiler.config.extending import read_extended, with_settings
from archcompiler.config.files import Files, Kind
from archcompiler.config.located import Located, locate, merge
from archcompiler.config.problems import validate
from archcompiler.diagnostics import MOST, UNSHOWN, CompileError, Diagnostic, Source, error
from archcompiler.language.collecting import beyond
from archcompiler.language.library import Library
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.model import Spec
from archcompiler.spec.references import broken_blocks, broken_references
from archcompiler.spec.rules import broken_rules
from archcompiler.spec.wording import SpecWording
from archcompiler.syntax import parse

SpecLike = str | Path | Source | Mapping[str, Any]
"""A path or the name of a shipped spec, a text, or plain values."""
CALLED: Final = ("class_name", "title", "description")
"""What is said of one network, and is not true of another."""
SPECS: Final = Kind("spec", shipped.SPECS, shipped.specs)


def load(spec: SpecLike, settings: Sequence[str] = (), *, files: Files | None = None) -> LoadedSpec:
    """Read, merge and validate a spec. Raises CompileError with everything that is wrong.

    What it extends is read from `files`, by default those on the disk. A text without a path is
    taken to be in the current folder.
    """
    files = files or Files()
    if isinstance(spec, Mapping):
        values, source, word = _from_mapping(spec)
    else:
        values, source, word = read_extended(spec, SPECS, files, _lay)
    return load_values(with_settings(values, settings), source, tuple(settings), word)


def load_values(
    values: Located,
    source: Source,
    settings: tuple[str, ...] = (),
    word: str | None = None,
    *,
    rules: Callable[[LoadedSpec, bool], Iterator[Diagnostic]] = broken_rules,
) -> LoadedSpec:
    """The spec of values that are merged already.

    Raises CompileError with all that is wrong with them, and with what breaks the `rules`.
    """
    values = _with_stage_attention(values)
    blocks, wording = values.child("blocks"), SpecWording("the spec")
    if blocks is not None and isinstance(blocks.value, dict):
        excess = beyond(blocks)
        if excess is not None:
            raise CompileError(excess)
    library = Library(blocks)
    # To tell a mistake takes time, and there may be thousands.
    every = chain(
        broken_references(values, library, wording), broken_blocks(values, library, wording)
    )
    problems = list(islice(every, MOST))
    more = inf if next(every, None) is not None else 0.0
    try:
        spec = validate(values, Spec, wording)
    except CompileError as invalid:
        # What is wrong with a name is told by the references, which know more about it.
        told = {(d.code, d.span) for d in problems} | {(UNSHOWN, None)}
        found = [d for d in invalid.diagnostics if (d.code, d.span) not in told]
        more += invalid.more
        raise CompileError(*_in_order([*found, *problems]), more=more) from None
    loaded = LoadedSpec(spec, values, source, library, settings, word)
    problems += rules(loaded, not problems)
    if problems:
        raise CompileError(*_in_order(problems), more=more)
    return loaded


def _in_order(problems: Sequence[Diagnostic]) -> Iterable[Diagnostic]:
    """Each once, in the order of the text of each file; settings come last."""
    found = list(dict.fromkeys(problems))
    sources = list(dict.fromkeys(d.span.source for d in found if d.span is not None))

    def place(problem: Diagnostic) -> tuple[int, int]:
        span = problem.span
        return (-1, 0) if span is None else (sources.index(span.source), span.start)

    return sorted(found, key=place)


def _from_mapping(spec: Mapping[str, Any]) -> tuple[Located, Source, str | None]:
    try:
        text = json.dumps(spec, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise CompileError(error("E203", f"a spec holds only what JSON can say: {exc}")) from None
    source = Source("<dict>", text, "json")
    document = parse(source)
    if "extends" in document.values:
        raise CompileError(
            error(
                "E207",
                "a spec without a file has no folder to extend from",
                document.span(("extends",), "key"),
            )
        )
    return locate(document.values, document), source, "<dict>"


def _lay(base: Located, own: Located) -> Located:
    """Lay a spec upon the one that it extends: what that is called goes with its `name`."""
    if isinstance(base.value, dict) and isinstance(own.value, dict) and "name" in own.value:
        kept = {key: child for key, child in base.value.items() if key not in CALLED}
        base = Located(kept, base.text, base.path)
    return merge(base, own)


def _with_stage_attention(values: Located) -> Located:
    """Lay each stage's `attention` upon the network's, by the same merge rule as `extends`."""
    common, stages = values.child("attention"), values.child("stages")
    if common is None or stages is None:
        return values
    if not isinstance(common.value, dict | str) or not isinstance(stages.value, list):
        return values
    merged = []
    for stage in stages.value:
        if isinstance(stage.value, dict):
            own = stage.child("attention")
            attention = common if own is None else merge(common, own)
            stage = Located({**stage.value, "attention": attention}, stage.text, stage.path)
        merged.append(stage)
    table = {**values.value, "stages": Located(merged, stages.text, stages.path)}
    return Located(table, values.text, values.path)
