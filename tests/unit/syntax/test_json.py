from collections.abc import Sequence

import pytest

from archcompiler.diagnostics import CompileError, Diagnostic, Location, Source
from archcompiler.syntax import Document, Part, parse

HARD = """\

  { "name": "réseau 日本 \\" { [ ,",
  "a\\u0062": 2, "": 0,
  "input": [3, [32, "]"], {"x": [1]}, {}],
  "stem": {
    "type": "conv"
  },
  "stages": [
    {"modules": 1}, {"modules": -2.5e3, "on": null}
  ]
}
"""


def document(text: str) -> Document:
    return parse(Source("a.json", text, "json"))


def refusals(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(CompileError) as caught:
        document(text)
    return caught.value.diagnostics


def refusal(text: str) -> Diagnostic:
    (diagnostic,) = refusals(text)
    return diagnostic


@pytest.mark.parametrize(
    ("path", "part", "line", "expected"),
    [
        (["name"], "value", 2, '"réseau 日本 \\" { [ ,"'),
        (["name"], "key", 2, '"name"'),
        (["ab"], "value", 3, "2"),
        (["ab"], "key", 3, '"a\\u0062"'),
        ([""], "value", 3, "0"),
        (["input"], "value", 4, '[3, [32, "]"], {"x": [1]}, {}]'),
        (["input", 1, 1], "value", 4, '"]"'),
        (["input", 2, "x", 0], "value", 4, "1"),
        (["input", 3], "table", 4, "{}"),
        (["stem"], "value", 5, "{"),
        (["stem"], "table", 5, "{"),
        (["stem"], "key", 5, '"stem"'),
        (["stem", "type"], "value", 6, '"conv"'),
        (["stages"], "value", 8, "["),
        (["stages", 0], "table", 9, '{"modules": 1}'),
        (["stages", 1, "modules"], "value", 9, "-2.5e3"),
        (["stages", 1, "on"], "value", 9, "null"),
        (["stages", 1, "off"], "value", 9, '{"modules": -2.5e3, "on": null}'),
        (["stages", 5, "on"], "key", 8, "["),
        (["name", "tag"], "key", 2, '"réseau 日本 \\" { [ ,"'),
        ([], "table", 2, '{ "name": "réseau 日本 \\" { [ ,",'),
        (["nothing"], "value", 2, '{ "name": "réseau 日本 \\" { [ ,",'),
    ],
)
def test_spans(path: Sequence[str | int], part: Part, line: int, expected: str) -> None:
    span = document(HARD).span(path, part)
    assert (span.location.line, span.text) == (line, expected)


@pytest.mark.parametrize(
    ("text", "place", "message", "help"),
    [
        ('{"a": 1,}', Location(1, 9), "a comma with nothing after it", "leave the comma out"),
        ('{"a": [1, ]}', Location(1, 11), "a comma with nothing after it", "leave the comma out"),
        ("{a: 1}", Location(1, 2), "expected a key in double quotes", None),
        ("{'a': 1}", Location(1, 2), "expected a key", "put strings in double quotes"),
        ('{"a":\n  True}', Location(2, 3), "expected a value", "write `true`, in lower case"),
        ('{"a": None}', Location(1, 7), "expected a value", "write `null`, in lower case"),
        ('{"a": 1 // x\n}', Location(1, 9), "expected `,`", "JSON has no comments; TOML has"),
        ('{"a" 1}', Location(1, 6), "expected `:` after a key", None),
        ('{"日": 1\n\n\n', Location(1, 8), "expected `,` or a closing bracket", None),
        ('{"a": "x\ty"}', Location(1, 9), "a control character", "write it as an escape"),
        ('{"a": "\\q"}', Location(1, 8), "no such escape", None),
        ('{"a": "x', Location(1, 7), "the string does not end", None),
        ('{"a": 1} x', Location(1, 10), "text after the end", None),
        ("", Location(1, 1), "expected a value", None),
        ('{"a": NaN}', Location(1, 7), "`NaN` is not JSON", None),
        ('{"a": [1, -Infinity]}', Location(1, 11), "`-Infinity` is not JSON", None),
        ('{"a": 1e999}', Location(1, 7), "a number too large", None),
        ('{"a": 18446744073709551616}', Location(1, 7), "an integer that does not fit", None),
        ('{"a": ' + "1" * 5000 + "}", Location(1, 7), "a number of more than 640 digits", None),
        ('{"a": "\\ud800"}', Location(1, 7), "half of a surrogate pair in a string", None),
        ('{"b": {"\\udc00": 1}}', Location(1, 8), "half of a surrogate pair in a key", None),
        ('{"a" 1, "b": ' + "[" * 100, Location(1, 6), "expected `:`", None),
    ],
)
def test_syntax_errors(text: str, place: Location, message: str, help: str | None) -> None:
    found = refusal(text)
    assert found.code == "E110"
    assert found.span is not None
    assert found.span.location == place
    assert found.message.startswith(message)
    assert (found.help or "").startswith(help) if help else found.help is None


def test_whole_surrogate_pairs_and_names_of_constants_are_fine() -> None:
    text = '{"\\ud83d\\ude00": "NaN", "Infinity": "\\ud83d\\ude00", "a": "\\\\\\" NaN"}'
    assert document(text).values["😀"] == "NaN"


def test_every_duplicate_key_is_reported_once() -> None:
    text = '{"a": {"b": 1},\n "\\u0061": {"b": 1, "b": 2},\n "c": [{"d": 1, "d": 2}]}'
    second, third = refusals(text)
    assert {second.code, third.code} == {"E111"}
    assert second.span is not None
    assert third.span is not None
    assert (second.span.location, second.span.text) == (Location(2, 2), '"\\u0061"')
    assert second.notes == ("`a` is first defined at 1:2",)
    assert (third.span.location, third.span.text) == (Location(3, 17), '"d"')


def test_reports_of_duplicates_are_bounded() -> None:
    assert len(refusals("{" + ", ".join(['"a": 1'] * 1000) + "}")) == 20


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[1]", "a list"),
        ('"a"', "a string"),
        ("1", "a number"),
        ("true", "a boolean"),
        ("null", "null"),
    ],
)
def test_the_top_is_an_object(text: str, kind: str) -> None:
    found = refusal(f"\n{text}\n")
    assert found.code == "E112"
    assert found.message.endswith(f"this is {kind}")
    assert found.span is not None
    assert found.span.text == text


def test_duplicates_in_a_list_at_the_top_have_a_place() -> None:
    found = refusal('[{"a": 1, "a": 2}]')
    assert found.code == "E111"
    assert found.span is not None
    assert found.span.location == Location(1, 11)


def test_depth_is_bounded() -> None:
    assert document('{"a": ' + "[" * 63 + "]" * 63 + "}").values["a"]
    for text in ('{"a": ' + "[" * 64, '{"a": ' + "[" * 100000, '{"a": "]]", "b":' + '{"a":' * 99):
        found = refusal(text)
        assert found.code == "E113"
        assert found.span is not None
        assert found.span.text in ("[", "{")


def test_a_caller_without_stack_gets_no_recursion_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr("json.loads", exhausted)
    assert refusal("{}").code == "E113"
