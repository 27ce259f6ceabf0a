"""Offsets, lines and columns of a text."""

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
