"""Help texts of spec fields: the strings below them in their class.

Pydantic could collect them too, but would parse every class each time the compiler starts.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel


def field_help(model: type[BaseModel]) -> dict[str, str]:
    """The help text of each field of a model that has one, as one line."""
    texts: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if issubclass(cls, BaseModel) and cls is not BaseModel:
            texts |= _own_help(cls)
    return {name: text for name, text in texts.items() if name in model.model_fields}


def _own_help(cls: type[BaseModel]) -> dict[str, str]:
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):
        return {}
    (definition,) = ast.parse(textwrap.dedent(source)).body
    assert isinstance(definition, ast.ClassDef)
    texts = {}
    for field, text in pairwise(definition.body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as words)),
            ):
                texts[name] = " ".join(words.split())
    return texts
