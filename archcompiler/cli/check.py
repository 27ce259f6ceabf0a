from __future__ import annotations

import sys
from pathlib import Path

import click

from archcompiler import terminal
from archcompiler.cli.compiling import compile_all
from archcompiler.cli.options import (
    diagnostic_format_option,
    root_option,
    set_option,
    specs_argument,
)
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.diagnostics.render import ReportFormat


@click.command("check")
@specs_argument
@set_option
@root_option
@click.option("--strict", is_flag=True, help="Exit 1 on warnings too.")
@diagnostic_format_option
def command(
    specs: tuple[Path, ...],
    settings: tuple[str, ...],
    root: Path | None,
    strict: bool,
    diagnostic_format: ReportFormat,
) -> None:
    """Check each SPEC as a graph and report every mistake with its line.

    A recipe among them is checked as one.
    """
    recipes, others = _told_apart(specs, root)
    wrong = [d for recipe in recipes for d in _wrong(recipe, settings, root)]
    networks = compile_all(others, settings, root, diagnostic_format, wrong)
    if diagnostic_format == "text":
        for recipe in recipes:
            terminal.line(f"{recipe.as_posix()}: a recipe without a mistake")
        for network in networks:
            terminal.line(_summary(network))
    if strict and any(network.warnings for network in networks):
        sys.exit(1)


def _told_apart(files: tuple[Path, ...], root: Path | None) -> tuple[list[Path], list[Path]]:
    """The recipes among the files, and the specs."""
    from archcompiler.config.files import Files
    from archcompiler.runner.recipe.loading import is_recipe

    recipes = [file for file in files if is_recipe(file, Files(root))]
    return recipes, [file for file in files if file not in recipes]


def _wrong(recipe: Path, settings: tuple[str, ...], root: Path | None) -> list[Diagnostic]:
    from archcompiler.config.files import Files
    from archcompiler.runner.recipe.loading import load_recipe

    try:
        load_recipe(recipe, settings, files=Files(root))
    except CompileError as exc:
        return list(exc.diagnostics)
    return []


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
