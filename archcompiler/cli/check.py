from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.command import SPEC, Command
from archcompiler.cli.compiling import (
    SpecArgument,
    compile_all,
    conclude,
    file_kind,
    shown,
)
from archcompiler.cli.options import (
    diagnostic_format_option,
    root_option,
    set_option,
    specs_argument,
    watch_option,
)
from archcompiler.cli.watching import perform
from archcompiler.compiler import CompiledNetwork
from archcompiler.config.files import Files
from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.diagnostics.render import ReportFormat


@click.command(
    "check",
    cls=Command,
    groups={**SPEC, "Output": ("strict", "diagnostic_format")},
    examples=["check my.toml", "check --watch my.toml", "check --strict --format github *.toml"],
)
@specs_argument
@set_option
@root_option
@click.option("--strict", is_flag=True, help="Exit 1 on warnings too.")
@watch_option
@diagnostic_format_option
def command(
    specs: tuple[SpecArgument, ...],
    settings: tuple[str, ...],
    root: Path | None,
    strict: bool,
    watch: bool,
    diagnostic_format: ReportFormat,
) -> None:
    """Check each SPEC as a graph and report every mistake with its line.

    Recipes, spaces and studies are recognised and checked as such.
    """

    def run(files: Files) -> None:
        kinds = [(spec, file_kind(spec)) for spec in specs]
        recipes, spaces, studies = (
            [spec for spec, kind in kinds if kind == wanted]
            for wanted in ("recipe", "space", "study")
        )
        others = [spec for spec, kind in kinds if kind in (None, "spec")]
        of_specs, of_recipes = _split(settings, others, recipes)
        found = [d for recipe in recipes for d in _wrong(recipe, of_recipes, files)]
        found += [d for space in spaces for d in _wrong_space(space, files)]
        found += [d for study in studies for d in _wrong_study(study, files)]
        networks = compile_all(others, of_specs, files, diagnostic_format, found)
        conclude(networks, diagnostic_format)
        if diagnostic_format == "text":
            for network in networks:
                terminal.line(_summary(network))
            for recipe in recipes:
                terminal.line(f"{shown(recipe)}: a recipe without a mistake")
            for space in spaces:
                terminal.line(f"{shown(space)}: a space without a mistake")
            for study in studies:
                terminal.line(f"{shown(study)}: a study without a mistake")
        if strict and any(network.warnings for network in networks):
            sys.exit(1)

    perform(run, root, watch, diagnostic_format)


def _split(
    settings: Sequence[str], specs: Sequence[SpecArgument], recipes: Sequence[SpecArgument]
) -> tuple[Sequence[str], Sequence[str]]:
    """What `--set` changes of the specs, and what of the recipes."""
    if not specs or not recipes:
        return settings, settings
    from archcompiler.runner.recipe.loading import split_settings

    return split_settings(settings)


def _wrong(recipe: SpecArgument, settings: Sequence[str], files: Files) -> Iterator[Diagnostic]:
    """What is wrong with a recipe."""
    from archcompiler.runner.recipe.loading import load_recipe

    try:
        load_recipe(recipe, settings, files=files)
    except CompileError as wrong:
        yield from wrong.diagnostics


def _wrong_space(space: SpecArgument, files: Files) -> Iterator[Diagnostic]:
    """What is wrong with a space."""
    from archcompiler.search.loading import load_space

    try:
        load_space(space, files)
    except CompileError as wrong:
        yield from wrong.diagnostics


def _wrong_study(study: SpecArgument, files: Files) -> Iterator[Diagnostic]:
    """What is wrong with a study, and with all that it names."""
    from archcompiler.study.loading import load_study

    try:
        load_study(study, files=files)
    except CompileError as wrong:
        yield from wrong.diagnostics


def _summary(network: CompiledNetwork) -> str:
    from archcompiler.analysis.depth import trunk_depth
    from archcompiler.analysis.parameters import parameter_count
    from archcompiler.analysis.sizes import valid_sizes

    graph = network.graph
    sides = {1: "lengths", 2: "heights and widths"}.get(graph.input.dims, "sides")
    return (
        f"{network.name}: {graph.root.operator_count:,} operators, "
        f"trunk depth {trunk_depth(graph)}, {parameter_count(graph):,} parameters; "
        f"valid {sides}: {valid_sizes(graph)}"
    )
