"""What a file is: a spec, a recipe, a space or a study."""

from __future__ import annotations

from pathlib import Path

from archcompiler import shipped
from archcompiler.config.extending import MAX_EXTENDS
from archcompiler.diagnostics import CompileError, Source
from archcompiler.diagnostics.read import read_source
from archcompiler.spec.model import Spec
from archcompiler.syntax import parse


def kind_of(file: Path | Source, depth: int = MAX_EXTENDS) -> str | None:
    """What a file is by most of its keys, or what it extends where it says no more than that; None
    if it cannot be read, or is neither.
    """
    try:
        source = file if isinstance(file, Source) else read_source(file)
        values = parse(source).values
    except CompileError:
        return None
    keys = values.keys() - {"extends", "$schema"}
    base = values.get("extends")
    if not keys and isinstance(base, str) and depth:
        if base in shipped.recipes():
            return "recipe"
        if base in shipped.specs():
            return "spec"
        if base in shipped.studies():
            return "study"
        return kind_of((source.path or Path()).parent / base, depth - 1)
    if isinstance(values.get("space"), dict):
        return "space"
    if isinstance(values.get("specs"), list) or (
        isinstance(base, str) and base in shipped.studies()
    ):
        return "study"
    if 2 * len(keys & Spec.model_fields.keys()) > len(keys):
        return "spec"
    from archcompiler.runner.recipe.model import Recipe

    return "recipe" if 2 * len(keys & Recipe.model_fields.keys()) > len(keys) else None
