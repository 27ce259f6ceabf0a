"""A resolved recipe as TOML, each value with where it comes from. The text is itself a recipe."""

from __future__ import annotations

from typing import Final

from archcompiler.config.path import SpecPath
from archcompiler.config.showing import show_values
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import EPOCHS

_BY_DATA: Final = frozenset({("batch_size",), ("optimizer", "lr")})
"""Defaults that are usual ones: the data have a say."""


def show_recipe(loaded: LoadedRecipe) -> str:
    """Every value of a recipe as far as it is known without the data."""
    recipe = loaded.recipe
    values = recipe.model_dump(mode="json", exclude_none=True)
    if recipe.iterations is None:
        values = {"epochs": recipe.epochs or EPOCHS} | values
    for path in _BY_DATA - _said(loaded):
        # Written, it would hold for any data.
        table = values[path[0]] if len(path) > 1 else values
        del table[path[-1]]
    return show_values(values, loaded.values)


def _said(loaded: LoadedRecipe) -> set[SpecPath]:
    recipe = loaded.recipe
    said: set[SpecPath] = {(name,) for name in recipe.model_fields_set}
    return said | {("optimizer", name) for name in recipe.optimizer.model_fields_set}
