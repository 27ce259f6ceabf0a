"""Python text of calls."""

from __future__ import annotations

import ast
from typing import Any

_PLAIN = (bool, int, float, str, tuple, type(None))
_TIGHT = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)


def text(value: Any) -> str:
    """Python source of a number, a word, a tuple of them, or a symbol."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    return repr(value) if isinstance(value, _PLAIN) else str(value)


def given(value: Any, default: Any) -> bool:
    """Whether an argument has to be written: a symbol always, a value if it is not the default."""
    return not isinstance(value, _PLAIN) or value != default


def called(function: str, *arguments: str, **options: tuple[Any, Any]) -> str:
    """A call; each option has a value and torch's default, which is left out."""
    named = [
        f"{name}={text(value)}"
        for name, (value, default) in options.items()
        if given(value, default)
    ]
    return f"{function}({', '.join([*arguments, *named])})"


def atom(expression: str) -> str:
    """The expression in brackets, unless operators cannot tear it apart."""
    if expression.isidentifier():
        return expression
    body = ast.parse(expression, mode="eval").body
    return expression if isinstance(body, _TIGHT) else f"({expression})"
