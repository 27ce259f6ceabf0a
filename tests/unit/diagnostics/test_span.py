"""Offsets, lines and columns of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcompiler.diagnostics import Location, Source, Span


def test_locations_count_characters_from_one() -> None:
    source = Source("a.toml", "日本 = 1\n\nb", "toml")
    assert source.location(0) == Location(1, 1)
    assert source.location(3) == Location(1, 4)
    assert source.location(6) == Location(1, 7)
    assert source.location(7) == Location(2, 1)
    assert source.location(8) == Location(3, 1)
    assert source.location(99) == source.location(9) == Location(3, 2)
    assert source.location(-1) == Location(1, 1)


def test_lines_are_without_their_ends() -> None:
    source = Source("a.toml", "a\r\nb\u2028c\n", "toml")
    assert [source.line(number) for number in range(5)] == ["", "a", "b\u2028c", "", ""]


@given(st.text(alphabet="a\n\r\té日\u2028", max_size=30), st.data())
def test_offset_undoes_location(text: str, data: st.DataObject) -> None:
    source = Source("a.toml", text, "toml")
    offset = data.draw(st.integers(0, len(text)))
    assert source.offset(source.location(offset)) == offset


def test_offset_is_clamped() -> None:
    source = Source("a.toml", "ab\ncd", "toml")
    assert source.offset(Location(1, 9)) == 2
    assert source.offset(Location(9, 1)) == 5
    assert source.offset(Location(2, 9)) == 5


def test_span_text_and_location() -> None:
    source = Source("a.toml", "a = 1\nb = 22\n", "toml")
    span = Span(source, 10, 12)
    assert (span.text, span.location) == ("22", Location(2, 5))


def part_of(text: str, start: int, end: int) -> str:
    """Words of a value between others on its line."""
    source = Source("a.toml", f"key = {text} # {text}", "toml")
    return Span(source, 6, 6 + len(text)).part(start, end).text


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("words", ["c", "2 * c", "max(c, 8)"])
def test_columns_of_a_string_are_those_between_its_quotes(quote: str, words: str) -> None:
    text = quote + words + quote
    for start in range(-1, len(words) + 2):
        for end in range(-1, len(words) + 2):
            inside = 0 <= start < end <= len(words)
            assert part_of(text, start, end) == (words[start:end] if inside else text)


@pytest.mark.parametrize(
    "text", ["", "12", "true", "''", '"a\\tb"', "'''abc'''", '"""abc"""', "'ab\"", "[1, 2]"]
)
def test_what_is_written_in_other_ways_is_meant_as_a_whole(text: str) -> None:
    assert part_of(text, 0, 1) == text
