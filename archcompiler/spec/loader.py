"""Path or dict → validated spec: `extends`, settings, validation, rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from math import inf
from pathlib import Path
from typing import Any

from archcompiler.config.located import Located, locate, merge
from archcompiler.config.problems import kind_of, validate
from archcompiler.config.settings import parse_setting
from archcompiler.diagnostics import MOST, UNSHOWN, CompileError, Diagnostic, Source, error
from archcompiler.diagnostics.read import MAX_BYTES, near_spec, read_source
from archcompiler.language.collecting import beyond
from archcompiler.language.library import Library
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.model import Spec
from archcompiler.spec.references import broken_blocks, broken_references
from archcompiler.spec.rules import broken_rules
from archcompiler.spec.wording import SpecWording
from archcompiler.syntax import parse

SpecLike = str | Path | Mapping[str, Any]
MAX_EXTENDS = 16


def load(spec: SpecLike, settings: Sequence[str] = ()) -> LoadedSpec:
    """Read, merge and validate a spec. Raises CompileError with everything that is wrong."""
    if isinstance(spec, Mapping):
        values, source = _from_mapping(spec)
    else:
        path = Path(spec)
        values = _read(path, path.parent, (), MAX_BYTES)
        source = values.text.source
    values = _with_stage_attention(_with_settings(values, settings))
    return _checked(values, source, tuple(settings))


def _checked(values: Located, source: Source, settings: tuple[str, ...]) -> LoadedSpec:
    """The spec of these values. Raises CompileError with all that is wrong with them."""
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
    loaded = LoadedSpec(spec, values, source, library, settings)
    problems += broken_rules(loaded, sound=not problems)
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


def _from_mapping(spec: Mapping[str, Any]) -> tuple[Located, Source]:
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
    return locate(document.values, document), source


def _with_settings(values: Located, settings: Sequence[str]) -> Located:
    problems: list[Diagnostic] = []
    for argument in settings:
        try:
            values = merge(values, parse_setting(argument))
        except CompileError as exc:
            problems += exc.diagnostics
    if problems:
        raise CompileError(*dict.fromkeys(problems))
    return values


def _read(path: Path, tree: Path, chain: tuple[Path, ...], room: int) -> Located:
    """One file with everything that it extends below it, of at most `room` bytes in all."""
    source = read_source(path, room)
    document = parse(source)
    values = locate(document.values, document)
    # Editors find the schema of a JSON file by this key.
    values.value.pop("$schema", None)
    target = values.value.pop("extends", None)
    if target is None:
        return values
    chain = (*chain, path.resolve())
    base_path = _resolve_extends(target, path, tree, chain)
    try:
        base = _read(base_path, tree, chain, room - len(source.text.encode()))
    except CompileError as exc:
        unreadable = [d for d in exc.diagnostics if d.span is None]
        if unreadable:
            raise CompileError(_no_base(target, base_path, unreadable[0])) from None
        raise
    return merge(base, values)


def _resolve_extends(target: Located, path: Path, tree: Path, chain: tuple[Path, ...]) -> Path:
    def refuse(code: str, message: str, *notes: str, help: str | None = None) -> CompileError:
        return CompileError(error(code, message, target.span(), notes=notes, help=help))

    if not isinstance(target.value, str):
        raise refuse("E203", f"`extends` must be a string, not {kind_of(target.value)}")
    base_path = path.parent / target.value
    try:
        resolved, root = base_path.resolve(), tree.resolve()
    except (OSError, RuntimeError, ValueError) as exc:
        raise refuse("E207", f"`{target.value}` is no path of a spec", str(exc).lower()) from None
    if not resolved.is_relative_to(root):
        raise refuse(
            "E208",
            "`extends` leaves the folder of the spec",
            f"a spec may read only files below `{root.name}/`, the folder of the one compiled",
        )
    if resolved in chain:
        cycle = chain[chain.index(resolved) :]
        names = " → ".join(p.name for p in (*cycle, resolved))
        notes = (f"a cycle: {names}",) if len(cycle) > 1 else ()
        raise refuse("E206", "a spec cannot extend itself", *notes)
    if len(chain) > MAX_EXTENDS:
        raise refuse("E207", f"more than {MAX_EXTENDS} specs extend one another")
    return base_path


def _no_base(target: Located, base_path: Path, problem: Diagnostic) -> Diagnostic:
    """E207 at the `extends` for a base that has no text to point at."""
    near = near_spec(base_path) if problem.code in ("E101", "E104") else None
    help = problem.help
    if near is not None:
        help = f"did you mean `{Path(target.value).parent.joinpath(near).as_posix()}`?"
    return error(
        "E207",
        "this spec extends one that cannot be read",
        target.span(),
        notes=(problem.message, *problem.notes),
        help=help,
    )


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
