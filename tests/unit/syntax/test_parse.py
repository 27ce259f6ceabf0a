"""Whatever is thrown at the parsers, what comes back is a document or diagnostics."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcompiler.diagnostics import CompileError, Source
from archcompiler.diagnostics.render import render
from archcompiler.syntax import parse
from archcompiler.syntax.json import locate as locate_json
from archcompiler.syntax.toml_places import locate as locate_toml

Format = Literal["toml", "json"]

GOOD: dict[Format, str] = {
    "toml": """\
name = "réseau"   # comment
input = [3, [32, 0x20], {a.b = 1}]
s = '''
日'''
"a\\u0062" = 1e5
[stem]
type = 'conv'
[[stages]]
d = 1979-05-27T07:32:00Z
[stages.attention]
p = -inf
[[stages]]
""",
    "json": '{"name": "réseau \\ud83d\\ude00", "a\\u0062": [1, {"b": null}], "": {"c": [1]}}\n',
}
PIECES = [
    *"[]{}\"',.=:#\\\n\r\t 0-+_e日\x00\x1b\ud800\u2028\ufeff",
    *['"""', "'''", "[[", "]]", "1" * 5000, "[" * 200, "a." * 100, '{"a":' * 70, "{a=" * 70],
    *["NaN", "inf", "\\ud800", "1e999", "99999999999999999999", "1979-99-99", "0x", "True"],
    *["name", "stages", "[stages]", "a = 1\n", '"name": 1,'],
]


@st.composite
def mutations(draw: st.DrawFn, text: str) -> str:
    """The text after some slips: things cut out, put in, repeated."""
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        kind = draw(st.sampled_from(["cut", "put", "put", "repeat"]))
        if kind == "cut":
            text = text[:start] + text[min(end, start + 5) :]
        elif kind == "put":
            text = text[:start] + draw(st.sampled_from(PIECES)) + text[start:]
        else:
            text = text[:end] + text[start:end] + text[end:]
    return text


def check(text: str, format: Format) -> None:
    source = Source("a", text, format)
    try:
        parse(source).span(["stages", 0, "attention", "q"])
    except CompileError as exc:
        found = exc.diagnostics
    else:
        return
    assert found
    for diagnostic in found:
        assert diagnostic.span is not None
        assert diagnostic.span.source == source
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
    report = render(found, "text")
    assert all(line.isprintable() for line in report.split("\n"))
    assert len(max(report.split("\n"), key=len)) < 1200
    assert render(found, "json").isascii()
    assert render(found, "github").count("\n") < len(found)


@pytest.mark.parametrize("format", ["toml", "json"])
@given(text=st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_random_text(format: Format, text: str) -> None:
    check(text, format)


@pytest.mark.parametrize("format", ["toml", "json"])
@given(data=st.data())
def test_mutated_specs(format: Format, data: st.DataObject) -> None:
    check(data.draw(mutations(GOOD[format])), format)


@given(data=st.data())
def test_places_are_found_in_any_text(data: st.DataObject) -> None:
    locate_toml(data.draw(mutations(GOOD["toml"]).filter(lambda text: len(text) < 1000)))
    locate_json(data.draw(mutations(GOOD["json"]).filter(lambda text: len(text) < 1000)))


@pytest.mark.parametrize("format", ["toml", "json"])
def test_the_good_specs_are_good(format: Format) -> None:
    assert parse(Source("a", GOOD[format], format)).values
