"""Generated documents: every place that a document names holds what was parsed."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archcompiler.diagnostics import Source
from archcompiler.syntax import parse

Path = tuple[str | int, ...]

NAMES = st.text(alphabet="ab_-1 .#=]\"'\\\té日😀", max_size=3)
SCALARS = r"""
0 -1_000 +5 0xdead_BEEF 0o17 0b1 1.5 -2e10 6.02E+23 inf -nan true false
1979-05-27 07:32:00.5 1979-05-27T07:32:00.99-07:00 1979-05-27t07:32:00z
"" '' "a\t#b" '[{' "\"]\\" "\u65e5\U0001F600" '日本=1' "é" ''''x'''''
"""
SPACED_SCALARS = [
    "1979-05-27 07:32:00",
    '"a # b"',
    '"""\n"""',
    '"""a""b\n[x]\n"""""',
    "'''\n\n= 1 # '' 日\n'''",
    '"""a \\\n   b"""',
]
BLANKS = st.sampled_from(["", " ", "\t", "  "])
BREAKS = st.sampled_from(["", " ", "\n", "\n  # é ] , comment\n", "# }\n\n"])


@st.composite
def keys(draw: st.DrawFn, name: str) -> str:
    """One of the spellings of a name."""
    spellings = [json.dumps(name), json.dumps(name, ensure_ascii=False)]
    if not name.isascii():
        spellings[0] = '"' + "".join(f"\\U{ord(character):08x}" for character in name) + '"'
    if not set(name) & {"'"}:
        spellings.append(f"'{name}'")
    if name and name.isascii() and name.replace("-", "_").replace("_", "a").isalnum():
        spellings += [name] * 3
    return draw(st.sampled_from(spellings))


@st.composite
def dotted(draw: st.DrawFn, names: list[str]) -> str:
    parts = [draw(keys(name)) for name in names]
    return draw(st.sampled_from([".", " . ", "\t."])).join(parts)


@st.composite
def arrays(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    parts = [draw(BREAKS) + item + draw(BREAKS) for item in draw(st.lists(items, max_size=3))]
    tail = draw(st.sampled_from(["", ","])) if parts else ""
    return "[" + ",".join(parts) + tail + draw(BREAKS) + "]"


@st.composite
def inline_tables(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    pairs = draw(bodies(items.filter(lambda item: "#" not in item or "\n" not in item)))
    blank = draw(BLANKS)
    return "{" + blank + ", ".join(pairs) + blank + "}"


@st.composite
def bodies(draw: st.DrawFn, values: st.SearchStrategy[str]) -> list[str]:
    """The pairs of a table, each with a name of its own and some of them dotted."""
    pairs = []
    for name in draw(st.lists(NAMES, max_size=4, unique=True)):
        names = [name, *draw(st.lists(NAMES, max_size=2))]
        blank = draw(BLANKS)
        pairs.append(f"{draw(dotted(names))}{blank}={blank}{draw(values)}")
    return pairs


VALUES = st.recursive(
    st.sampled_from(SCALARS.split() + SPACED_SCALARS),
    lambda inner: arrays(inner) | inline_tables(inner),
    max_leaves=8,
)


@st.composite
def toml_documents(draw: st.DrawFn) -> str:
    lines = draw(bodies(VALUES))
    for index in range(draw(st.integers(0, 4))):
        names = [*draw(st.lists(NAMES, max_size=2)), f"t{index}"]
        many = draw(st.booleans())
        for _ in range(draw(st.integers(1, 2)) if many else 1):
            header = draw(dotted(names))
            lines.append(f"[[ {header}]]" if many else f"[{header} ]")
            lines += draw(bodies(VALUES))
            if many and draw(st.booleans()):
                sub = draw(dotted([*names, "sub"]))
                lines += [f"[{sub}]", *draw(bodies(VALUES))]
    ends = [draw(st.sampled_from(["", "  # é [x]", "\n", "\t"])) for _ in lines]
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = "".join(f"{line}{end}\n" for line, end in zip(lines, ends, strict=True))
    return text.replace("\n", newline)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and (value or not path):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


@given(toml_documents())
def test_every_leaf_of_a_toml_document_is_where_its_span_says(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    document = parse(Source("a.toml", text, "toml"))
    assert repr(document.values) == repr(expected)
    for path, value in leaves(expected):
        span = document.span(path)
        if value in ({}, []) and span.text[0] == "[":
            # An empty table under a header, or an empty array over several lines.
            assert span.text.startswith("[")
        else:
            assert repr(tomllib.loads(f"x = {span.text}")["x"]) == repr(value)
        for end in range(1, len(path) + 1):
            name = path[end - 1]
            if isinstance(name, str):
                key = document.span(path[:end], "key")
                assert list(tomllib.loads(f"{key.text} = 0")) == [name]
                assert key.start <= span.start or value in ({}, [])


@given(
    st.dictionaries(
        NAMES,
        st.recursive(
            st.none() | st.booleans() | st.integers(-99, 2**60) | st.floats(-9, 9) | NAMES,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        ),
        max_size=5,
    ),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
)
def test_every_leaf_of_a_json_document_is_where_its_span_says(
    values: dict[str, Any], indent: int | str | None, ascii: bool
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii)
    document = parse(Source("a.json", text, "json"))
    assert document.values == values
    for path, value in leaves(values):
        if path:
            assert json.loads(document.span(path).text) == value
        for end in range(1, len(path) + 1):
            if isinstance(path[end - 1], str):
                assert json.loads(document.span(path[:end], "key").text) == path[end - 1]


STEPS = st.one_of(NAMES, st.integers(-2, 3), st.sampled_from(["t0", "t1", "sub"]))


@pytest.mark.parametrize("part", ["key", "value", "table"])
@given(text=toml_documents(), path=st.lists(STEPS, max_size=4))
def test_no_path_is_refused(part: Any, text: str, path: list[str | int]) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    span = parse(Source("a.toml", text, "toml")).span(path, part)
    assert 0 <= span.start <= span.end <= len(text)
