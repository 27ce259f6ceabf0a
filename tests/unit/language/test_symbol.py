"""Expressions on symbols: what they print is simple, and Python comes to the same numbers by it."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archcompiler.language.expression import InexactDivision, parse_expression
from archcompiler.language.symbol import Symbol

NAMES = {"c": 48, "cin": 24, "stride": 2, "depth": 3}
SYMBOLS = {name: Symbol(name) for name in NAMES} | {"ratio": Symbol("ratio", whole=False)}

PRINTED = {
    # Sums and products of whole numbers are put together.
    "c + c": "2 * c",
    "c + cin + c": "2 * c + cin",
    "c + cin - c": "cin",
    "c - c": "0",
    "c + 1 + cin - 1": "c + cin",
    "2 * c * 3": "6 * c",
    "c * 2": "2 * c",
    "c * 0": "0",
    "c * cin - cin": "c * cin - cin",
    "1 - c": "1 - c",
    "c - 2 * cin": "c - 2 * cin",
    "c - (cin - 1)": "c - cin + 1",
    "-(-c)": "c",
    "cin * 4 * (c - cin)": "4 * cin * (c - cin)",
    # A division comes out whole, and what is divided again or multiplied is one.
    "2 * c / 2": "c",
    "c / 4 * 2": "c // 2",
    "c / 2 + c / 2": "c",
    "c / 2 / 4": "c // 8",
    "6 * c / 4": "3 * c // 2",
    "(c + cin) / 2 * 2": "c + cin",
    "(c + cin) / 2": "(c + cin) // 2",
    "c * cin / 32": "c * cin // 32",
    "c / cin * 2": "2 * (c // cin)",
    # What is rounded is not.
    "floor(c / 2) * 2": "2 * (c // 2)",
    "floor(4 * c / 2)": "2 * c",
    "ceil(c / 2) * 2": "2 * math.ceil(c / 2)",
    "ceil(c / 2 * 2)": "math.ceil(c / 2 * 2)",
    # Nor are floats.
    "c * 0.5 * 2": "c * 0.5 * 2",
    "ratio * 1 + ratio": "ratio + ratio",
    # Conditions.
    "min(c, c)": "c",
    "max(c, 8, c)": "max(c, 8)",
    "1 <= stride < 2": "1 <= stride < 2",
    "1 < 2 < stride": "2 < stride",
    "not stride > 1": "stride <= 1",
    "not (stride > 1 or c == 8)": "not (stride > 1 or c == 8)",
    "not not c == 8": "c == 8",
    "stride == 1 and stride == 1": "stride == 1",
    # Choices that a condition has made before.
    "c if stride == 1 else c": "c",
    "c if stride == 1 else (cin if stride == 1 else 8)": "c if stride == 1 else 8",
    "c if stride == 1 else (cin if stride != 1 else 8)": "c if stride == 1 else cin",
    "(c if stride != 1 else cin) if stride == 1 else 8": "cin if stride == 1 else 8",
    "c if stride == 1 else (c if depth == 1 else cin)": "c if stride == 1 or depth == 1 else cin",
    "(cin if depth == 1 else 8) if stride == 1 and depth == 1 else 16": (
        "cin if stride == 1 and depth == 1 else 16"
    ),
    "c if stride == 1 or depth == 1 else (cin if depth == 1 else 8)": (
        "c if stride == 1 or depth == 1 else 8"
    ),
    "c if stride == 1 and depth == 1 else (cin if depth == 1 else 8)": (
        "c if stride == 1 and depth == 1 else cin if depth == 1 else 8"
    ),
}


@pytest.mark.parametrize("text", PRINTED)
def test_what_is_printed_is_simple(text: str) -> None:
    assert str(parse_expression(text).evaluate(SYMBOLS)) == PRINTED[text]


def test_a_sum_that_is_known_by_its_text_alone_is_a_term() -> None:
    """As what a `forward` reads of an option, `self.n`, and calculates with."""
    whole = parse_expression("4 - c").evaluate(SYMBOLS)
    known = Symbol(whole.text, whole.level)
    for calculate in (lambda x: 10 - x, lambda x: x - 3, lambda x: 2 * (x + x), lambda x: 1 + x):
        assert eval(str(calculate(known)), {}, NAMES) == calculate(4 - NAMES["c"])


def _texts(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: form.format(*found))


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    words = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    test = _texts("{} {} {}", parts, words, parts) | _texts("{} <= {} < {}", parts, parts, parts)
    tests = test | _texts("not ({})", test)
    tests |= _texts("({}) {} ({})", tests, st.sampled_from(["and", "or"]), tests)
    return st.one_of(
        _texts("({} {} {})", parts, st.sampled_from("+-*"), parts),
        _texts("({} / {})", parts, st.sampled_from("12346")),
        _texts("floor({} / {})", parts, st.sampled_from("234")),
        _texts("{}({}, {})", st.sampled_from(["min", "max"]), parts, parts),
        _texts("({} if {} else {})", parts, tests, parts),
        _texts("(-{})", parts),
    )


LEAVES = st.sampled_from([*NAMES, "1", "2", "3"])


@given(st.recursive(LEAVES, _joined, max_leaves=8))
def test_python_comes_to_the_same_numbers_by_it(text: str) -> None:
    assume(len(text) <= 200)
    expression = parse_expression(text)
    try:
        expected, printed = expression.evaluate(NAMES), expression.evaluate(SYMBOLS)
    except InexactDivision:
        assume(False)
    assert eval(str(printed), {"math": math}, NAMES) == expected
