"""Path or dict → validated spec: `extends`, settings, validation, rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from archcompiler.config.located import Located, locate, merge
from archcompiler.config.path import SpecPath
from archcompiler.config.problems import kind_of, validate
from archcompiler.config.settings import parse_setting
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error
from archcompiler.diagnostics.read import near_spec, read_source
from archcompiler.language.library import Library
from archcompiler.spec.model import Spec
from archcompiler.spec.wording import SpecWording
from archcompiler.syntax import parse
from archcompiler.syntax.document import Part

SpecLike = str | Path | Mapping[str, Any]
MAX_EXTENDS = 16


@dataclass(frozen=True)
class LoadedSpec:
    """A valid spec with the text behind each of its values."""

    spec: Spec
    values: Located
    source: Source
    settings: tuple[str, ...] = ()

    @cached_property
    def library(self) -> Library:
        """The blocks that it can name."""
        return Library(self.values.child("blocks"))

    def span(self, path: SpecPath, part: Part = "value") -> Span:
        """Where the value at `path` is written; for a default, where it would be."""
        written = self.written(path, part)
        return self.values.nearest(path) if written is None else written

    def written(self, path: SpecPath, part: Part = "value") -> Span | None:
        """Where the value that holds at `path` is written, there or where `path` has it from."""
        node: Located | None = self.values
        for depth, step in enumerate(path, 1):
            node = node.child(step) if node is not None else None
            inherited = _inherited(path[:depth])
            if node is None and inherited is not None:
                return self.written((*inherited, *path[depth:]), part)
        return None if node is None else node.span(part)

    @cached_property
    def sha256(self) -> str:
        """Hash of what the spec means: the same for TOML and JSON, order of keys and `extends`."""
        values = self.spec.model_dump(mode="json")
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _inherited(path: SpecPath) -> SpecPath | None:
    """Where a unit type comes from that is not written at `path`."""
    match path:
        case ("stages", int() as i, "attention", "mask", "unit"):
            return ("stages", i, "attention", "trunk")
        case ("stages", int() as i, "attention", "trunk"):
            return ("stages", i, "unit")
        case ("stages", int(), "unit"):
            return ("unit",)
    return None


def load(spec: SpecLike, settings: Sequence[str] = ()) -> LoadedSpec:
    """Read, merge and validate a spec. Raises CompileError with everything that is wrong."""
    from archcompiler.spec.rules import broken_rules

    if isinstance(spec, Mapping):
        values, source = _from_mapping(spec)
    else:
        path = Path(spec)
        values = _read(path, path.parent.resolve(), ())
        source = values.text.source
    values = _with_stage_attention(_with_settings(values, settings))
    loaded = LoadedSpec(
        validate(values, Spec, SpecWording("the spec")), values, source, tuple(settings)
    )
    problems = list(broken_rules(loaded))
    if problems:
        raise CompileError(*problems)
    return loaded


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
        raise CompileError(*problems)
    return values


def _read(path: Path, tree: Path, chain: tuple[Path, ...]) -> Located:
    """One file with everything that it extends below it."""
    document = parse(read_source(path))
    values = locate(document.values, document)
    # Editors find the schema of a JSON file by this key.
    values.value.pop("$schema", None)
    target = values.value.pop("extends", None)
    if target is None:
        return values
    chain = (*chain, path.resolve())
    base_path = _resolve_extends(target, path, tree, chain)
    try:
        base = _read(base_path, tree, chain)
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
        resolved = base_path.resolve()
    except (OSError, RuntimeError, ValueError) as exc:
        raise refuse("E207", f"`{target.value}` is no path of a spec", str(exc).lower()) from None
    if not resolved.is_relative_to(tree):
        raise refuse(
            "E208",
            "`extends` leaves the folder of the spec",
            f"a spec may read only files below `{tree.name}/`, the folder of the one compiled",
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
    if not isinstance(common.value, dict) or not isinstance(stages.value, list):
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
