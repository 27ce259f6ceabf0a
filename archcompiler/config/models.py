"""Which models may stand at a place, found by walking the annotations of the fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from archcompiler.config.path import SpecPath


def models_at(model: type[BaseModel], path: SpecPath) -> list[type[BaseModel]]:
    """The models that may stand at `path`, which may hold the tags that pydantic puts in."""
    models = [model]
    for step in path:
        fields = [m.model_fields[step] for m in models if step in m.model_fields]
        if fields:
            models = [found for f in fields for found in _models_in(f.annotation)]
        elif isinstance(step, str):
            models = [m for m in models if step in _own_tags(m)] or models
    return models


def tags_of(models: Sequence[type[BaseModel]]) -> list[str]:
    """The values of `type` by which these models are told apart."""
    return [tag for model in models for tag in _own_tags(model)]


def homes_of(model: type[BaseModel], key: str) -> Iterator[str]:
    """Tables below a model that have a key of this name, as dotted paths."""
    for name, field in model.model_fields.items():
        for inner in _models_in(field.annotation):
            if key in inner.model_fields and key != "type":
                yield name
            yield from (f"{name}.{home}" for home in homes_of(inner, key))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from _models_in(argument)


def _own_tags(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("type")
    return get_args(field.annotation) if field is not None else ()
