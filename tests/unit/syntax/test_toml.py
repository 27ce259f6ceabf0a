from collections.abc import Sequence

import pytest

from archcompiler.diagnostics import CompileError, Diagnostic, Location, Source
from archcompiler.syntax import Document, Part, parse

HARD = """\
#:schema x.json
name = "réseau 日本"  # a comment with key = "value"
"quoted key" = 1
"a\\u0062" = 2
'literal' = 3
a.b . "c d" = 0x1F
input = [3, [32, # inner
  "]"], { x = [1], y.z = 2 },
]
text = '''
line = 1
日'''
inline = { p = 2, "q" = { r = 3 } }
empty = {}

[stem]  # header = comment
type = "conv"

[deep.er.table]
x = 1979-05-27T07:32:00Z

[deep]
y = -inf

[[stages]]
modules = 1
[stages.attention]
p = 1

[[stages]]
modules = 2
[stages . "attention"]
p = 2
[[stages.units]]
kind = "a"
[[stages.units]]
kind = "b"
  [stages.units.more]
  k = true
"""


def document(text: str) -> Document:
    return parse(Source("a.toml", text, "toml"))


def refusal(text: str) -> Diagnostic:
    with pytest.raises(CompileError) as caught:
        document(text)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


def marked(diagnostic: Diagnostic) -> tuple[Location, str]:
    assert diagnostic.span is not None
    return diagnostic.span.location, diagnostic.span.text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["name"], '"réseau 日本"'),
        (["quoted key"], "1"),
        (["ab"], "2"),
        (["literal"], "3"),
        (["a", "b", "c d"], "0x1F"),
        (["input", 0], "3"),
        (["input", 1, 0], "32"),
        (["input", 1, 1], '"]"'),
        (["input", 2], "{ x = [1], y.z = 2 }"),
        (["input", 2, "x", 0], "1"),
        (["input", 2, "y", "z"], "2"),
        (["text"], "'''\nline = 1\n日'''"),
        (["inline"], '{ p = 2, "q" = { r = 3 } }'),
        (["inline", "q", "r"], "3"),
        (["empty"], "{}"),
        (["stem", "type"], '"conv"'),
        (["deep", "er", "table", "x"], "1979-05-27T07:32:00Z"),
        (["deep", "y"], "-inf"),
        (["stages", 0, "modules"], "1"),
        (["stages", 0, "attention", "p"], "1"),
        (["stages", 1, "modules"], "2"),
        (["stages", 1, "attention", "p"], "2"),
        (["stages", 1, "units", 0, "kind"], '"a"'),
        (["stages", 1, "units", 1, "kind"], '"b"'),
        (["stages", 1, "units", 1, "more", "k"], "true"),
    ],
)
def test_value_spans(path: Sequence[str | int], expected: str) -> None:
    assert document(HARD).span(path).text == expected


@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        (["input"], 7, "["),
        (["input", 1], 7, "["),
        (["stem"], 16, "[stem]"),
        (["deep"], 22, "[deep]"),
        (["deep", "er"], 19, "[deep.er.table]"),
        (["stages"], 25, "[[stages]]"),
        (["stages", 0], 25, "[[stages]]"),
        (["stages", 1], 30, "[[stages]]"),
        (["stages", 1, "attention"], 32, '[stages . "attention"]'),
        (["stages", 1, "units", 1], 36, "[[stages.units]]"),
        (["a"], 6, "a"),
        (["a", "b"], 6, "b"),
        ([], 1, "#:schema x.json"),
    ],
)
@pytest.mark.parametrize("part", ["value", "table"])
def test_tables_are_marked_at_their_start(
    path: Sequence[str | int], line: int, expected: str, part: Part
) -> None:
    span = document(HARD).span(path, part)
    assert (span.location.line, span.text) == (line, expected)


@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        (["ab"], 4, '"a\\u0062"'),
        (["literal"], 5, "'literal'"),
        (["a"], 6, "a"),
        (["a", "b"], 6, "b"),
        (["a", "b", "c d"], 6, '"c d"'),
        (["input", 2, "y", "z"], 8, "z"),
        (["inline", "q"], 13, '"q"'),
        (["stem"], 16, "stem"),
        (["deep", "er"], 19, "er"),
        (["deep", "er", "table"], 19, "table"),
        (["deep"], 22, "deep"),
        (["stages", 1, "attention"], 32, '"attention"'),
        (["stages", 1], 30, "stages"),
        (["stages", 1, "units", 1, "more"], 38, "more"),
    ],
)
def test_key_spans(path: Sequence[str | int], line: int, expected: str) -> None:
    span = document(HARD).span(path, "key")
    assert (span.location.line, span.text) == (line, expected)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["stages", 1, "nothing", "more"], "[[stages]]"),
        (["stages", 7], "[[stages]]"),
        (["name", "tag"], '"réseau 日本"'),
        (["inline", "s"], '{ p = 2, "q" = { r = 3 } }'),
        (["nothing"], "#:schema x.json"),
        (["input", 0, 0], "3"),
        (["input", "0"], "["),
    ],
)
@pytest.mark.parametrize("part", ["key", "value", "table"])
def test_missing_paths_fall_back_to_what_is_there(
    path: Sequence[str | int], expected: str, part: Part
) -> None:
    assert document(HARD).span(path, part).text == expected


def test_the_key_of_a_list_item_is_the_item() -> None:
    assert document(HARD).span(["input", 0], "key").text == "3"


def test_spans_in_text_with_carriage_returns() -> None:
    text = 'a = 1\r\nb = "é" # c\r\n[t]\r\nx = [\r\n 1]\r\n'
    found = document(text)
    assert found.span(["b"]).text == '"é"'
    assert found.span(["t"]).text == "[t]"
    assert found.span(["t", "x", 0]).location == Location(5, 2)


@pytest.mark.parametrize(
    ("text", "place", "marked_text", "help"),
    [
        ("a = conv", Location(1, 5), "conv", "put strings in quotes"),
        ("a = True\n", Location(1, 5), "True", "write `true`, in lower case"),
        ("a = null\n", Location(1, 5), "null", "TOML has no such value; leave the key out"),
        ("é = 1", Location(1, 1), "é", "a key of other characters"),
        ('a = "C:\\data"', Location(1, 8), "\\d", "write `\\\\` for a backslash"),
        ("a: 1", Location(1, 2), ":", "TOML separates a key from its value with `=`"),
        ("x = 1\na = 'x\nb = 1", Location(2, 5), "'x", "close it"),
        ("a = 'x\nb = 'y'", Location(1, 5), "'x", "close it"),
        ('a = "x\\"\nb = 1', Location(1, 5), '"x\\"', "close it"),
        ('a = "x', Location(1, 5), '"x', "close it"),
        ("# it's\na = '''x\nb = 1", Location(2, 5), "'''x", "close it"),
        ("a = {b = 1,}", Location(1, 12), "", "an inline table has no comma"),
        ("a = {b = 1,\n c = 1}", Location(1, 12), "", "an inline table is written on one line"),
        ("a = '日\x1b'", Location(1, 7), "\x1b'", "write it as an escape"),
        ("[a\nb = 1", Location(1, 3), "", None),
        ("a = 1\r\nb = ]\r\n", Location(2, 5), "", None),
        ("a = [1,\n2,\n\n\n", Location(2, 3), "", None),
        ('a = """\nx\\"""\n\n', Location(1, 5), '"""', "close it"),
        ("'a = 1\nb = 2", Location(1, 1), "'a = 1", "close it"),
        ("a = 1 b = 2", Location(1, 7), "b", None),
        ("a = 1\nb = [1, 2\nc = 3", Location(2, 5), "[", None),
        ("[a]\nb = [[1], [']', 2 # ]\nc = 3]", Location(2, 11), "[", None),
    ],
)
def test_syntax_errors(text: str, place: Location, marked_text: str, help: str | None) -> None:
    found = refusal(text)
    assert found.code == "E110"
    assert marked(found) == (place, marked_text)
    assert found.message[0].islower()
    assert "line 1" not in found.message
    assert (found.help or "").startswith(help) if help else found.help is None


@pytest.mark.parametrize(
    ("text", "again", "first"),
    [
        ("a = 1\nb = 2\n\na = 3", (Location(4, 1), "a"), "1:1"),
        ("x.a = 1\nx.'a' = 2", (Location(2, 1), "x.'a'"), "1:3"),
        ("[a]\nb = 1\n[ a ]", (Location(3, 3), "a"), "1:2"),
        ("[a.b]\n[a]\nb = 1", (Location(3, 1), "b"), "1:4"),
        ("[a.b]\n[a]\n[a]", (Location(3, 2), "a"), "2:2"),
        ("[a]\nb.c = 1\n[a.b]", (Location(3, 2), "a.b"), "2:1"),
        ("[a.b]\nx = 1\n[a]\nb.y = 1", (Location(4, 1), "b"), "1:4"),
        ("[[a]]\n[a]", (Location(2, 2), "a"), "1:3"),
        ("[a]\n[[a]]", (Location(2, 3), "a"), "1:2"),
        ("a = [1]\n[[a]]", (Location(2, 3), "a"), "1:1"),
        ("a = 1\na.b = 2", (Location(2, 1), "a"), "1:1"),
        ("a = {}\n[a.b]", (Location(2, 2), "a"), "1:1"),
        ("a = {b = 1, b = 2}", (Location(1, 13), "b"), "1:6"),
        ("a = [{b.c = 1, b = 2}]", (Location(1, 16), "b"), "1:7"),
        ("[[s]]\na = 1\n[[s]]\na = 1\na = 2", (Location(5, 1), "a"), "4:1"),
    ],
)
def test_duplicate_keys(text: str, again: tuple[Location, str], first: str) -> None:
    found = refusal(text)
    assert found.code == "E111"
    assert marked(found) == again
    assert found.notes[0].endswith(f"is first defined at {first}")


def test_only_the_first_of_many_errors() -> None:
    assert marked(refusal("[a]\nb = 1\n[a]\nb = 1\n[a"))[0] == Location(3, 2)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = " + "[" * 65, Location(1, 69)),
        ("a = " + "[" * 5000, Location(1, 69)),
        ("# [[[\na = " + "[" * 100 + "]" * 100, Location(2, 69)),
        ('t = """\n[\n"""""\na = ' + "{a=" * 100, Location(4, 5 + 64 * 3)),
        ("b = 1\n" + ".".join("a" * 66) + " = 1", Location(2, 1)),
        ("[" + " . ".join("a" * 100) + "]", Location(1, 65 * 4)),
        ("[" + ".".join("a" * 40) + "]\nb." + ".".join("b" * 40) + " = 1", Location(2, 49)),
    ],
)
def test_depth_is_bounded(text: str, place: Location) -> None:
    found = refusal(text)
    assert found.code == "E113"
    assert found.span is not None
    assert found.span.location == place


def test_depth_just_within_bounds() -> None:
    assert document("a = " + "[" * 63 + "]" * 63).values["a"]
    assert document(".".join("a" * 64) + " = 1").span(["a"] * 64).text == "1"
    assert document("a = [" + "[]," * 100 + "]\n" * 1 + "b = '" + "[" * 99 + "'").values


@pytest.mark.parametrize("text", ["[a\n" * 100, "a: [\n" * 100, "[a]\nb = 'x\n" * 99])
def test_an_error_before_the_depth_is_the_one_reported(text: str) -> None:
    found = refusal(text)
    assert found.code == "E110"
    assert found.span is not None
    assert found.span.location.line <= 2


@pytest.mark.parametrize(
    "number",
    ["9223372036854775808", "-9223372036854775809", "0x" + "f" * 5000, "1" * 700, "1_" * 5000],
)
def test_integers_are_bounded(number: str) -> None:
    text = f"a = [0, {number.strip('_')}]"
    found = refusal(text)
    assert found.code == "E110"
    assert marked(found)[0] == Location(1, 9)


def test_integers_just_within_bounds() -> None:
    assert document("a = [9223372036854775807, -9223372036854775808]").values


def test_a_long_fraction_is_told_at_its_start() -> None:
    assert marked(refusal("a = 0." + "1" * 700))[0] == Location(1, 5)
