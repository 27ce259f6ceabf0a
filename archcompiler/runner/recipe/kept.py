"""Recipes as runs have kept them, which may be those of an earlier version."""

from __future__ import annotations

from typing import Any

from archcompiler.runner.recipe.model import Recipe


def with_defaults(values: dict[str, Any]) -> dict[str, Any]:
    """All values of a recipe that was kept as JSON: what it does not know, being older, are the
    defaults. As it is if it has a key that there is no longer.
    """
    try:
        return Recipe.model_validate(_frozen(values)).model_dump(mode="json")
    except ValueError:
        return values


def _frozen(value: Any) -> Any:
    """With tuples for arrays, as models have them."""
    match value:
        case dict():
            return {key: _frozen(child) for key, child in value.items()}
        case list():
            return tuple(map(_frozen, value))
    return value
