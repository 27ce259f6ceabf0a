"""Python text of calls."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from archcompiler.language import symbol

_PLAIN = (bool, int, float, str, tuple, type(None))
_TIGHT = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)
_UNBRACKETED: Final[Mapping[str, tuple[tuple[type[ast.AST], ...], ...]]] = {
    "+": ((ast.Add, ast.Sub, ast.Mult, ast.Div, ast.USub), (ast.Mult, ast.Div, ast.USub)),
    "-": ((ast.Add, ast.Sub, ast.Mult, ast.Div, ast.USub), (ast.Mult, ast.Div)),
    "*": ((ast.Mult, ast.USub), (ast.USub,)),
    "/": ((ast.Mult, ast.USub), ()),
}
"""Operators that need no brackets to the left of another, and to the right."""


def text(value: Any) -> str:
    """Python source of a number, a word, a tuple of them, or a symbol."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    return symbol.literal(value) if isinstance(value, _PLAIN) else str(value)


def less(value: Any) -> str | None:
    """Python source of what a negative number takes away; None for any other, and for a symbol."""
    return text(-value) if isinstance(value, int | float) and value < 0 else None


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
    return _bracketed(expression, ())


def joined(operator: Literal["+", "-", "*", "/"], operands: Sequence[str]) -> str:
    """Operands from left to right, in as few brackets as that takes."""
    left, right = _UNBRACKETED[operator]
    first, *others = operands
    return f" {operator} ".join([_bracketed(first, left), *(_bracketed(o, right) for o in others)])


def _bracketed(expression: str, operators: tuple[type[ast.AST], ...]) -> str:
    """The expression in brackets, unless it is tight or one of these operators is its outermost."""
    if expression.isidentifier():
        return expression
    body = ast.parse(expression, mode="eval").body
    plain = isinstance(body, ast.BinOp | ast.UnaryOp) and isinstance(body.op, operators)
    return expression if plain or isinstance(body, _TIGHT) else f"({expression})"
