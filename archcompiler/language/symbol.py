"""Numbers that are not known yet: expressions over the arguments of an emitted class.

A block is walked twice by the same code: on numbers, which gives the graph, and on symbols, which
gives the arguments that its emitted class prints.
"""

from __future__ import annotations

from dataclasses import dataclass

Number = "int | float | Symbol"

_TERNARY, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _UNARY, _ATOM = range(9)


@dataclass(frozen=True, slots=True, eq=False)
class Symbol:
    """A Python expression. Arithmetic gives further ones; `str` is the source."""

    text: str
    level: int = _ATOM
    """How tightly its outermost operator binds."""
    whole: bool = True
    """Whether its value is a whole number."""

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __bool__(self) -> bool:
        raise TypeError(f"`{self.text}` is not known yet")

    def __add__(self, other: object) -> Symbol | int | float:
        return self if _is(other, 0) else _binary(self, "+", other, _SUM)

    def __radd__(self, other: object) -> Symbol | int | float:
        return self if _is(other, 0) else _binary(other, "+", self, _SUM)

    def __sub__(self, other: object) -> Symbol | int | float:
        return self if _is(other, 0) else _binary(self, "-", other, _SUM)

    def __rsub__(self, other: object) -> Symbol:
        return _binary(other, "-", self, _SUM)

    def __mul__(self, other: object) -> Symbol | int | float:
        return self if _is(other, 1) else _binary(self, "*", other, _PRODUCT)

    def __rmul__(self, other: object) -> Symbol | int | float:
        return self if _is(other, 1) else _binary(other, "*", self, _PRODUCT)

    def __floordiv__(self, other: object) -> Symbol | int | float:
        return self if _is(other, 1) else _binary(self, "//", other, _PRODUCT)

    def __rfloordiv__(self, other: object) -> Symbol:
        return _binary(other, "//", self, _PRODUCT)

    def __truediv__(self, other: object) -> Symbol | int | float:
        return divide(self, other)

    def __rtruediv__(self, other: object) -> Symbol | int | float:
        return divide(other, self)

    def __neg__(self) -> Symbol:
        return Symbol(f"-{bracketed(self, _UNARY)}", _UNARY, self.whole)


def divide(a: object, b: object, *, exact: bool = True) -> Symbol | int | float:
    """A division; an `exact` one is known to come out whole where both sides are whole."""
    if isinstance(a, Symbol) and _is(b, 1):
        return a
    return _binary(a, "//" if exact and is_whole(a) and is_whole(b) else "/", b, _PRODUCT)


def compare(a: object, operator: str, b: object) -> Symbol:
    """A comparison, as a symbol."""
    return Symbol(f"{bracketed(a, _SUM)} {operator} {bracketed(b, _SUM)}", _COMPARE)


def both(parts: list[object], word: str) -> Symbol:
    """`and` or `or` of several conditions."""
    level = _AND if word == "and" else _OR
    return Symbol(f" {word} ".join(bracketed(part, level) for part in parts), level)


def negated(a: object) -> Symbol:
    return Symbol(f"not {bracketed(a, _NOT)}", _NOT)


def choose(condition: object, a: object, b: object) -> Symbol:
    """`a if condition else b`."""
    text = f"{bracketed(a, _OR)} if {bracketed(condition, _OR)} else {bracketed(b, _TERNARY)}"
    return Symbol(text, _TERNARY, is_whole(a) and is_whole(b))


def apply(function: str, arguments: list[object], *, whole: bool) -> Symbol:
    """A call of a function of Python."""
    return Symbol(f"{function}({', '.join(map(literal, arguments))})", _ATOM, whole)


def rounded(value: object) -> object:
    """The value as a whole number, where it is one that a float came into."""
    if isinstance(value, Symbol) and not value.whole:
        return Symbol(f"round({value.text})")
    return value


def is_whole(value: object) -> bool:
    return value.whole if isinstance(value, Symbol) else isinstance(value, int)


def literal(value: object) -> str:
    """Source of a number, a word or a symbol."""
    return value.text if isinstance(value, Symbol) else repr(value)


def bracketed(value: object, level: int) -> str:
    """Source of an operand, in brackets if it binds less tightly than `level`."""
    if isinstance(value, Symbol) and value.level < level:
        return f"({value.text})"
    return literal(value)


def _binary(a: object, operator: str, b: object, level: int) -> Symbol:
    # What stands to the right of - or / has to bind more tightly than it.
    right = bracketed(b, level + 1 if operator != "+" else level)
    if operator == "*" and isinstance(b, Symbol) and b.level == level and "/" not in b.text:
        right = b.text
    whole = operator != "/" and is_whole(a) and is_whole(b)
    return Symbol(f"{bracketed(a, level)} {operator} {right}", level, whole)


def _is(value: object, number: int) -> bool:
    return isinstance(value, int) and value == number
