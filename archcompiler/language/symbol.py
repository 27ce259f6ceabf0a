"""Numbers that are not known yet: expressions over the arguments of an emitted class.

A block is walked twice by the same code: on numbers, which gives the graph, and on symbols, which
gives the arguments that its emitted class prints. Whole numbers are simplified as they are put
together, `2 * c / 2` to `c`; floats are left as they are written, for the last digit's sake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

Number = "int | float | Symbol"

_TERNARY, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _UNARY, _ATOM = range(9)
_OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True, slots=True, eq=False)
class Symbol:
    """A Python expression. Arithmetic gives further ones; `str` is the source."""

    text: str
    level: int = _ATOM
    """How tightly its outermost operator binds."""
    whole: bool = True
    """Whether its value is a whole number."""
    parts: tuple[Any, ...] = ()
    """What it was made of, where that can be simplified with more: the terms of a sum, a fraction
    and what it is taken of, what is compared, the conditions, or the three parts of a choice."""

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

    def __add__(self, other: object) -> Any:
        return _sum(self, "+", other)

    def __radd__(self, other: object) -> Any:
        return _sum(other, "+", self)

    def __sub__(self, other: object) -> Any:
        return _sum(self, "-", other)

    def __rsub__(self, other: object) -> Any:
        return _sum(other, "-", self)

    def __mul__(self, other: object) -> Any:
        return _product(self, other)

    def __rmul__(self, other: object) -> Any:
        return _product(other, self)

    def __floordiv__(self, other: object) -> Any:
        return divide(self, other, exact=False, floor=True)

    def __rfloordiv__(self, other: object) -> Any:
        return divide(other, self, exact=False, floor=True)

    def __truediv__(self, other: object) -> Any:
        return divide(self, other)

    def __rtruediv__(self, other: object) -> Any:
        return divide(other, self)

    def __neg__(self) -> Any:
        if self.whole:
            return _product(-1, self)
        return Symbol(f"-{bracketed(self, _UNARY)}", _UNARY, self.whole)


def divide(a: object, b: object, *, exact: bool = True, floor: bool = False) -> Any:
    """A division; an `exact` one is known to come out whole where both sides are whole, and what
    `floor` gives is made so.
    """
    whole = (exact or floor) and is_whole(a) and is_whole(b)
    if isinstance(a, Symbol) and isinstance(b, int) and (b == 1 or (whole and b > 0)):
        count, of = _scaled(a)
        if exact or (count / b).denominator == 1:
            return _times(count / b, of)
    return _binary(a, "//" if whole else "/", b, _PRODUCT)


def compare(a: object, operator: str, b: object) -> Symbol:
    """A comparison, as a symbol."""
    text = f"{bracketed(a, _SUM)} {operator} {bracketed(b, _SUM)}"
    return Symbol(text, _COMPARE, parts=(a, operator, b))


def between(comparisons: list[Symbol]) -> Symbol:
    """`a < b < c`, of comparisons each of which begins with what the one before ends with."""
    if len(comparisons) == 1:
        return comparisons[0]
    text = bracketed(comparisons[0].parts[0], _SUM)
    for _, operator, b in (comparison.parts for comparison in comparisons):
        text += f" {operator} {bracketed(b, _SUM)}"
    return Symbol(text, _COMPARE)


def both(parts: list[object], word: str) -> Symbol:
    """`and` or `or` of several conditions."""
    level = _AND if word == "and" else _OR
    distinct = tuple(dict.fromkeys(parts))
    if len(distinct) == 1 and isinstance(distinct[0], Symbol):
        return distinct[0]
    text = f" {word} ".join(bracketed(part, level) for part in distinct)
    return Symbol(text, level, parts=distinct)


def negated(a: object) -> Symbol:
    if isinstance(a, Symbol) and a.parts and a.level == _COMPARE:
        left, operator, right = a.parts
        return compare(left, _OPPOSITE[operator], right)
    if isinstance(a, Symbol) and a.parts and a.level == _NOT:
        inner: Symbol = a.parts[0]
        return inner
    return Symbol(f"not {bracketed(a, _NOT)}", _NOT, parts=(a,))


def choose(condition: Symbol, a: object, b: object) -> Any:
    """`a if condition else b`."""
    a, b = assumed(a, condition, True), assumed(b, condition, False)
    if a == b:
        return a
    if isinstance(b, Symbol) and b.level == _TERNARY and b.parts[1] == a:
        return choose(both([condition, b.parts[0]], "or"), a, b.parts[2])
    text = f"{bracketed(a, _OR)} if {bracketed(condition, _OR)} else {bracketed(b, _TERNARY)}"
    return Symbol(text, _TERNARY, is_whole(a) and is_whole(b), (condition, a, b))


def assumed(value: object, condition: Symbol, truth: bool) -> object:
    """The value where a condition holds, or where it does not: choices by it are made."""
    while isinstance(value, Symbol) and value.level == _TERNARY:
        test, a, b = value.parts
        known = _decided(test, condition, truth)
        if known is None:
            return value
        value = a if known else b
    return value


def _decided(test: object, condition: Symbol, truth: bool) -> bool | None:
    """What a test comes to where a condition is known to hold, or not to; None if that is open."""
    if test == condition:
        return truth
    if test == negated(condition):
        return not truth
    if condition.level == (_AND if truth else _OR):  # then all of its parts are known
        found = [_decided(test, part, truth) for part in condition.parts]
        return next((known for known in found if known is not None), None)
    return None


def apply(function: str, arguments: list[object], *, whole: bool) -> Any:
    """A call of a function of Python."""
    if function in ("min", "max"):
        arguments = list(dict.fromkeys(arguments))
        if len(arguments) == 1:
            return arguments[0]
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
    if isinstance(value, float):
        return re.sub(r"e([+-])0", r"e\1", repr(value))  # 1e-6, as a person writes it
    return value.text if isinstance(value, Symbol) else repr(value)


def bracketed(value: object, level: int) -> str:
    """Source of an operand, in brackets if it binds less tightly than `level`."""
    if isinstance(value, Symbol) and value.level < level:
        return f"({value.text})"
    return literal(value)


def _sum(a: object, operator: str, b: object) -> Any:
    if not (is_whole(a) and is_whole(b)):
        if operator == "+" and _is(a, 0):
            return b
        return a if _is(b, 0) else _binary(a, operator, b, _SUM)
    counts: dict[Symbol | int, Fraction] = {}
    for value, sign in ((a, 1), (b, 1 if operator == "+" else -1)):
        # One that is known by its text alone, as what a `forward` reads, is a term itself.
        sum_ = isinstance(value, Symbol) and value.level == _SUM and value.parts
        terms = sum_ or (value,)
        for term in terms:
            count, of = _scaled(term)
            counts[of] = counts.get(of, Fraction(0)) + sign * count
    return _summed([_times(count, of) for of, count in counts.items() if count])


def _summed(terms: list[Any]) -> Any:
    if len(terms) < 2:
        return terms[0] if terms else 0
    text = bracketed(terms[0], _SUM)
    for term in terms[1:]:
        negative = _scaled(term)[0] < 0
        text += f" - {bracketed(-term, _PRODUCT)}" if negative else f" + {bracketed(term, _SUM)}"
    return Symbol(text, _SUM, parts=tuple(terms))


def _product(a: object, b: object) -> Any:
    if not (is_whole(a) and is_whole(b)):
        if _is(a, 1):
            return b
        return a if _is(b, 1) else _binary(a, "*", b, _PRODUCT)
    (count, of), (more, factor) = _scaled(a), _scaled(b)
    if of == 1 or factor == 1:
        return _times(count * more, factor if of == 1 else of)
    return _times(count * more, _binary(of, "*", factor, _PRODUCT))


def _scaled(value: Any) -> tuple[Fraction, Any]:
    """A whole value as a number, and what is taken so many times; 1 for a number itself."""
    if not isinstance(value, Symbol):
        return Fraction(value), 1
    if value.level in (_PRODUCT, _UNARY) and value.parts:
        count, of = value.parts
        return count, of
    return Fraction(1), value


def _times(count: Fraction, of: Any) -> Any:
    """So many times a whole value, which has no number before it."""
    if not isinstance(of, Symbol):
        return int(count)
    if count == 0:
        return 0
    if count == 1:
        return of
    if count == -1:
        return Symbol(f"-{bracketed(of, _UNARY)}", _UNARY, parts=(count, of))
    text = bracketed(of, _PRODUCT)
    if count.numerator != 1:
        if of.level == _PRODUCT and "/" in text:
            text = f"({text})"
        text = f"{count.numerator} * {text}"
    if count.denominator != 1:
        text = f"{text} // {count.denominator}"
    return Symbol(text, _PRODUCT, parts=(count, of))


def _binary(a: object, operator: str, b: object, level: int) -> Symbol:
    # What stands to the right of - or / has to bind more tightly than it.
    right = bracketed(b, level + 1 if operator != "+" else level)
    if operator == "*" and isinstance(b, Symbol) and b.level == level and "/" not in b.text:
        right = b.text
    whole = operator != "/" and is_whole(a) and is_whole(b)
    return Symbol(f"{bracketed(a, level)} {operator} {right}", level, whole)


def _is(value: object, number: int) -> bool:
    return isinstance(value, int) and value == number
