"""Expressions of a block: a part of Python's grammar, parsed to its tree and never executed.

The same evaluation works on numbers, which gives a graph, and on symbols, which gives source. What
comes out as source is put together anew from names that the block itself declares: no text of a
spec reaches emitted code.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from archcompiler.language import symbol
from archcompiler.language.symbol import Symbol

Value = Any
"""A whole number, a float, a truth value, a word, or a symbol for one."""

MAX_LENGTH: Final = 200
MAX_SIZE: Final = 1 << 53
"""A number that grows past this is refused: no size of a network is so large."""


class ExpressionError(Exception):
    """What is wrong with an expression, from column `start` to `end` of its text."""

    def __init__(self, message: str, start: int, end: int, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.start, self.end, self.help = message, start, end, help


class InexactDivision(ExpressionError):
    """A division that has to come out whole does not."""


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A parsed expression. Made by `parse_expression`."""

    text: str
    tree: ast.expr

    @property
    def names(self) -> Iterator[tuple[str, int, int]]:
        """Every name that it reads (`c`, `unit.preactivation`), with the columns it stands at."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                yield _dotted(node), *_span(node)
            elif isinstance(node, ast.Name) and not _is_part(self.tree, node):
                yield node.id, *_span(node)

    def evaluate(self, names: Mapping[str, Value], *, exact: bool = True) -> Value:
        """Its value, in which whole numbers divide into whole ones where that is `exact`.

        Raises ExpressionError for an unknown name, one of the wrong type, or another quotient.
        """
        return _evaluate(self.tree, names, exact)


_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "min": min,
    "max": max,
    "round": round,
    "ceil": math.ceil,
    "floor": math.floor,
    "log2": math.log2,
}
ROUNDING: Final = ("round", "ceil", "floor")
_PRINTED: Final = {"ceil": "math.ceil", "floor": "math.floor", "log2": "math.log2"}
_NODES: Final = (
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Name,
    ast.Attribute,
    ast.Constant,
    ast.Call,
)


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """Parse and check the form of an expression. Raises ExpressionError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH} characters", 0, len(text))
    if not text.isascii() or not text.isprintable():
        at = next(i for i, c in enumerate(text) if not (c.isascii() and c.isprintable()))
        raise ExpressionError(f"{text[at]!r} has no meaning in an expression", at, at + 1)
    try:
        tree = ast.parse(text.strip() or " ", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        help = "names, numbers, + - * /, comparisons, `and`, `or`, `not`, `a if b else c`"
        raise ExpressionError("this is no expression", 0, len(text), help) from None
    shift = len(text) - len(text.lstrip())
    if shift:
        for node in ast.walk(tree):
            if isinstance(node, ast.expr):
                node.col_offset += shift
                node.end_col_offset = (node.end_col_offset or 0) + shift
    _check(tree)
    return Expression(text, tree)


def _check(node: ast.expr) -> None:
    """Refuse whatever is not in the language."""
    start, end = _span(node)
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            if isinstance(value, int | float) and not abs(value) <= MAX_SIZE:
                raise ExpressionError("this number is too large", start, end)
            return
        case ast.Name():
            return
        case ast.Attribute(value=ast.Name()):
            return
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            pass
        case ast.BinOp(op=ast.FloorDiv()):
            raise ExpressionError(
                "`//` is not in the language", start, end, "write `/`: it has to come out whole"
            )
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            pass
        case ast.BoolOp() | ast.IfExp():
            pass
        case ast.Compare(ops=ops) if all(type(op) in _COMPARISONS for op in ops):
            pass
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            fewest = 2 if name in ("min", "max") else 1
            if len(args) < fewest or (fewest == 1 and len(args) != 1):
                raise ExpressionError(f"`{name}` takes {fewest} arguments", start, end)
            for argument in args:
                _check(argument)
            return
        case ast.Call():
            known = ", ".join(FUNCTIONS)
            raise ExpressionError("this is no function", start, end, f"known: {known}")
        case _:
            raise ExpressionError("this is not in the language of expressions", start, end)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _check(child)


def _evaluate(node: ast.expr, names: Mapping[str, Value], exact: bool) -> Value:
    """The value of a node; inside `floor`, `ceil` and `round` no division has to be `exact`."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute():
            name = node.id if isinstance(node, ast.Name) else _dotted(node)
            if name not in names:
                raise ExpressionError(f"nothing is called `{name}` here", *_span(node))
            return names[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(
                node, op, _evaluate(left, names, exact), _evaluate(right, names, exact), exact
            )
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            value = _evaluate(operand, names, exact)
            return symbol.negated(value) if isinstance(value, Symbol) else not value
        case ast.UnaryOp(operand=operand):
            return -_number(operand, _evaluate(operand, names, exact))
        case ast.BoolOp(op=op, values=values):
            return _either(isinstance(op, ast.And), [_evaluate(v, names, exact) for v in values])
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _compared(left, ops, comparators, names, exact)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            condition = _evaluate(test, names, exact)
            if isinstance(condition, Symbol):
                a, b = _evaluate(body, names, exact), _evaluate(orelse, names, exact)
                return symbol.choose(condition, a, b)
            return _evaluate(body if condition else orelse, names, exact)
        case ast.Call(func=ast.Name(id=function), args=args):
            if function == "floor" and (quotient := _floored(args, names)) is not None:
                return quotient
            rounding = exact and function not in ROUNDING
            values = [_number(a, _evaluate(a, names, rounding)) for a in args]
            return _called(node, function, values)
    raise AssertionError(ast.dump(node))


def _floored(args: list[ast.expr], names: Mapping[str, Value]) -> Value | None:
    """`floor(a / b)` of symbols, where Python has an operator for it."""
    match args:
        case [ast.BinOp(left=left, op=ast.Div(), right=right)]:
            a, b = (_number(n, _evaluate(n, names, False)) for n in (left, right))
            known = not isinstance(a, Symbol) and not isinstance(b, Symbol)
            if not known and symbol.is_whole(a) and symbol.is_whole(b):
                return a // b
    return None


def _binary(node: ast.expr, op: ast.operator, a: Value, b: Value, exact: bool) -> Value:
    assert isinstance(node, ast.BinOp)
    a, b = _number(node.left, a), _number(node.right, b)
    if not isinstance(op, ast.Div):
        result = _ARITHMETIC[type(op)](a, b)
    elif isinstance(a, Symbol) or isinstance(b, Symbol):
        return symbol.divide(a, b, exact=exact)
    elif b == 0:
        raise ExpressionError("a division by 0", *_span(node))
    elif exact and isinstance(a, int) and isinstance(b, int):
        if a % b:
            raise InexactDivision(f"{a} / {b} is not a whole number", *_span(node))
        return a // b
    else:
        result = a / b
    if not isinstance(result, Symbol) and not abs(result) <= MAX_SIZE:
        raise ExpressionError("this number grows too large", *_span(node))
    return result


def _either(every: bool, values: list[Value]) -> Value:
    """`and` or `or`, with what is known already left out."""
    open_values = [value for value in values if isinstance(value, Symbol)]
    known = [bool(value) for value in values if not isinstance(value, Symbol)]
    if not every and any(known):
        return True
    if every and not all(known):
        return False
    if not open_values:
        return every
    return symbol.both(list(open_values), "and" if every else "or")


def _compared(
    left: ast.expr,
    ops: list[ast.cmpop],
    comparators: list[ast.expr],
    names: Mapping[str, Value],
    exact: bool,
) -> Value:
    results: list[Value] = []
    a = _evaluate(left, names, exact)
    for op, right in zip(ops, comparators, strict=True):
        b = _evaluate(right, names, exact)
        word, function = _COMPARISONS[type(op)]
        if word not in ("==", "!="):
            a, b = _number(left, a), _number(right, b)
        if isinstance(a, Symbol) or isinstance(b, Symbol):
            same = a == b and isinstance(a, Symbol) and isinstance(b, Symbol)
            results.append(word in ("==", "<=", ">=") if same else symbol.compare(a, word, b))
        else:
            results.append(function(a, b))
        left, a = right, b
    unknown = [result for result in results if isinstance(result, Symbol)]
    return symbol.between(unknown) if len(unknown) == len(results) else _either(True, results)


def _called(node: ast.expr, function: str, values: list[Value]) -> Value:
    if any(isinstance(value, Symbol) for value in values):
        whole = function not in ("min", "max", "log2") or all(map(symbol.is_whole, values))
        printed = _PRINTED.get(function, function)
        return symbol.apply(printed, values, whole=whole and function != "log2")
    try:
        return FUNCTIONS[function](*values)
    except (ValueError, OverflowError):
        raise ExpressionError(f"`{function}` has no value for {values[0]}", *_span(node)) from None


def _number(node: ast.expr, value: Value) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float | Symbol):
        raise ExpressionError(f"a number is needed, not {_kind(value)}", *_span(node))
    return value


def _kind(value: object) -> str:
    return "a truth value" if isinstance(value, bool) else f"the word `{value}`"


def _dotted(node: ast.Attribute) -> str:
    assert isinstance(node.value, ast.Name)
    return f"{node.value.id}.{node.attr}"


def _span(node: ast.expr) -> tuple[int, int]:
    return node.col_offset, node.end_col_offset or node.col_offset + 1


def _is_part(tree: ast.expr, name: ast.Name) -> bool:
    """Whether a name is the front of `slot.property` or a function."""
    return any(
        (isinstance(node, ast.Attribute) and node.value is name)
        or (isinstance(node, ast.Call) and node.func is name)
        for node in ast.walk(tree)
    )
