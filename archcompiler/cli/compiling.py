"""Compiling the specs of one command line, and saying what they are."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from archcompiler import terminal
from archcompiler.cli.report import report
from archcompiler.compiler import CompiledNetwork, compile_from
from archcompiler.config.files import Files
from archcompiler.diagnostics import CompileError, Diagnostic, Source, error
from archcompiler.diagnostics.render import ReportFormat
from archcompiler.study.kinds import FileKind, kind_of

SpecArgument: TypeAlias = Path | Source
"""What a command line names: a path, the name of a shipped spec, or the text of `-`."""


def compile_all(
    specs: Sequence[SpecArgument],
    settings: Sequence[str],
    files: Files,
    format: ReportFormat = "text",
    before: Sequence[Diagnostic] = (),
) -> list[CompiledNetwork]:
    """Compile every spec and report what was found in any; exit with 2 if one is in error.

    Errors that were found `before` in other files of the command line count as well. In JSON what
    was found is left for `conclude` to print, unless that is the end.
    """
    networks: list[CompiledNetwork] = []
    found: list[Diagnostic] = [*before]
    failed = bool(before)
    for spec in specs:
        try:
            network = compile_one(spec, settings, files)
        except CompileError as error:
            failed = True
            found += error.diagnostics
        else:
            networks.append(network)
            found += network.warnings
    # A base that several specs extend is wrong once.
    found = list(dict.fromkeys(found))
    if failed:
        report(found, format, [facts(network) for network in networks])
        for network in networks if format == "text" else ():
            name = network.loaded.source.name
            terminal.line(f"{name} has no error, but nothing was done with it", err=True)
        sys.exit(2)
    if format != "json":
        report(found, format)
    return networks


def compile_one(spec: SpecArgument, settings: Sequence[str], files: Files) -> CompiledNetwork:
    """Compile a spec. Raises CompileError, which is E215 for a recipe, a space or a study."""
    with wanted(spec):
        return compile_from(files, spec, settings)


@contextmanager
def wanted(spec: SpecArgument) -> Iterator[None]:
    """Have what is wrong with a spec be E215 if it is a recipe, a space or a study."""
    try:
        yield
    except CompileError:
        kind, named = file_kind(spec), shown(spec)
        help = {
            "recipe": f"`archcompiler train SPEC --recipe {named}` trains a network by it",
            "space": f"`archcompiler search {named}` finds specs in it",
            "study": f"`archcompiler study {named}` trains its networks",
        }
        if kind in help:
            raise CompileError(_another(spec, kind, "spec", help[kind])) from None
        raise


@contextmanager
def recipe_wanted(recipe: SpecArgument) -> Iterator[None]:
    """Have what is wrong with a recipe be E215 if it is a spec, a space or a study."""
    try:
        yield
    except CompileError:
        kind = kind_of(recipe)
        if kind not in (None, "recipe"):
            help = "`archcompiler list recipes` names those that come with the package"
            raise CompileError(_another(recipe, kind, "recipe", help)) from None
        raise


@contextmanager
def space_wanted(space: SpecArgument) -> Iterator[None]:
    """Have what is wrong with a space be E215 if it is a spec or a recipe."""
    try:
        yield
    except CompileError:
        kind = file_kind(space)
        if kind in ("recipe", "spec"):
            help = "a space `extends` a spec, and has a table `[space]`"
            raise CompileError(_another(space, kind, "space", help)) from None
        raise


@contextmanager
def study_wanted(study: SpecArgument) -> Iterator[None]:
    """Have what is wrong with a study be E215 if it is a spec, a recipe or a space."""
    try:
        yield
    except CompileError:
        kind = file_kind(study)
        if kind not in (None, "study"):
            help = "a study has a `recipe`, and tables `[[specs]]`"
            raise CompileError(_another(study, kind, "study", help)) from None
        raise


def file_kind(file: SpecArgument) -> FileKind | None:
    """What a file is, or one that comes with the package; None if it cannot be told."""
    from archcompiler import shipped

    if not Path(str(file)).exists():
        names: dict[FileKind, Collection[str]] = {
            "recipe": shipped.recipes(),
            "space": shipped.spaces(),
            "study": shipped.studies(),
            "spec": shipped.specs(),
        }
        for kind, known in names.items():
            if str(file) in known:
                return kind
    return kind_of(file)


def shown(spec: SpecArgument) -> str:
    """What a command line calls a spec."""
    return "-" if isinstance(spec, Source) else spec.as_posix()


def _another(file: SpecArgument, kind: str, wanted: str, help: str) -> Diagnostic:
    """E215 for a file of another kind."""
    return error("E215", f"`{shown(file)}` is a {kind}, not a {wanted}", help=help)


def facts(network: CompiledNetwork) -> dict[str, Any]:
    """What a program may want to know of a network: sizes, depth, counts."""
    from archcompiler.analysis.costs import network_cost
    from archcompiler.analysis.depth import trunk_depth
    from archcompiler.analysis.sizes import valid_sizes

    graph = network.graph
    cost, sizes = network_cost(graph), valid_sizes(graph)
    return {
        "spec": network.loaded.source.name,
        "name": network.name,
        "input": list(network.spec.input),
        "classes": network.spec.classes,
        "operators": graph.root.operator_count,
        "depth": trunk_depth(graph),
        "params": cost.params,
        "macs": cost.macs,
        # Sides in pixels, first and last; a range has no last one where all larger are valid.
        "valid_sizes": [
            [a, None if b == sizes.tried and not sizes.period else b] for a, b in sizes.ranges
        ],
    }


def conclude(
    networks: Sequence[CompiledNetwork],
    format: ReportFormat,
    about: Sequence[Mapping[str, Any]] = (),
) -> None:
    """In JSON, print what was found and what the networks are, with what is said `about` each."""
    if format == "json":
        more = about or [{} for _ in networks]
        told = [{**facts(network), **own} for network, own in zip(networks, more, strict=True)]
        report([d for network in networks for d in network.warnings], "json", told)
