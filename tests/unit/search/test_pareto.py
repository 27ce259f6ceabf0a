"""Of many points those that none beats, against a comparison of all pairs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcompiler.search import pareto
from archcompiler.search.pareto import unbeaten

Point = tuple[int, ...]


def beats(one: Point, other: Point, strict: int) -> bool:
    no_worse = all(a <= b for a, b in zip(one, other, strict=True))
    return no_worse and any(a < b for a, b in zip(one[:strict], other[:strict], strict=True))


def by_pairs(points: list[Point], strict: int) -> list[int]:
    return [i for i, point in enumerate(points) if not any(beats(p, point, strict) for p in points)]


@st.composite
def points(draw: st.DrawFn) -> tuple[list[Point], int]:
    places = draw(st.integers(1, 4))
    # Few values, for ties, and some that no integer of 64 bits holds.
    value = st.integers(-3, 3) | st.integers(2**70, 2**70 + 2)
    return (
        draw(st.lists(st.tuples(*[value] * places), max_size=30)),
        draw(st.integers(0, places)),
    )


@settings(max_examples=150)
@given(points())
def test_those_that_none_beats(drawn: tuple[list[Point], int]) -> None:
    found, strict = drawn
    assert sorted(unbeaten(found, strict)) == by_pairs(found, strict)


def test_more_points_than_are_compared_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pareto, "CHUNK", 16)
    monkeypatch.setattr(pareto, "RIVALS", 32)
    # A front of half of them, more than a chunk, and what each of it beats.
    front = [(i, 3 * pareto.CHUNK - i, i % 3) for i in range(3 * pareto.CHUNK)]
    every = [*front, *((a + 1, b, c) for a, b, c in front)]
    assert sorted(unbeaten(every, 2)) == by_pairs(every, 2)


def test_a_better_place_beside_the_objectives_beats_nothing() -> None:
    assert sorted(unbeaten([(1, 5), (1, 4), (2, 4)], 1)) == [0, 1]
