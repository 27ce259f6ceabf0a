"""The TOML writer against the parser of the standard library."""

from __future__ import annotations

import tomllib
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcompiler.config.toml import toml_lines, toml_text

keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = st.one_of(
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
tables = st.dictionaries(
    keys,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=12,
    ),
    max_size=4,
)


@given(tables)
def test_it_can_be_read_back(values: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(values)) == values


@given(tables)
def test_a_line_names_the_value_that_stands_on_it(values: dict[str, Any]) -> None:
    for line in toml_lines(values):
        if line.path is None:
            assert line.text == "" or line.text.startswith("[")
        else:
            value: Any = reduce(lambda node, step: node[step], line.path, values)
            (read,) = tomllib.loads(line.text).items()
            assert read == (line.path[-1], value)


def test_tuples_are_arrays_and_none_is_left_out() -> None:
    text = toml_text({"a": (1, (2.0,)), "b": None, "c": {"d": None}, "e": [[{"f": None, "g": 1}]]})
    assert tomllib.loads(text) == {"a": [1, [2.0]], "c": {}, "e": [[{"g": 1}]]}


def test_a_number_stays_what_it_is() -> None:
    text = toml_text({"a": 1.0, "b": 1, "c": 1e-5, "d": 1e22, "e": float("-inf"), "f": True})
    read = tomllib.loads(text)
    assert read == {"a": 1.0, "b": 1, "c": 1e-5, "d": 1e22, "e": float("-inf"), "f": True}
    assert [type(value) for value in read.values()] == [float, int, float, float, float, bool]


@pytest.mark.parametrize("value", [None, b"x", object(), {1}])
def test_what_toml_cannot_say(value: object) -> None:
    with pytest.raises(TypeError, match="TOML has no"):
        toml_text({"a": [value]})
