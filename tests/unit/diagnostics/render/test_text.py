import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcompiler.diagnostics import Source, Span, error, warning
from archcompiler.diagnostics.render import render


def span(text: str, marked: str, name: str = "specs/a.toml") -> Span:
    start = text.index(marked)
    return Span(Source(name, text, "toml"), start, start + len(marked))


def lines(text: str, marked: str) -> list[str]:
    """The source line as shown, and the line with the marks below it."""
    report = render([error("E203", "x", span(text, marked))], "text").split("\n")
    return [line.split("|", 1)[1].removeprefix(" ") for line in report[3:5]]


def test_looks_like_rustc() -> None:
    text = "\n" * 13 + "modlues = 1\n"
    found = error(
        "E203",
        "unknown key `modlues` in a stage",
        span(text, "modlues"),
        notes=("one", "two"),
        help="did you mean `modules`?",
    )
    assert (
        render([found], "text")
        == """\
error[E203]: unknown key `modlues` in a stage
  --> specs/a.toml:14:1
   |
14 | modlues = 1
   | ^^^^^^^
   = note: one
   = note: two
   = help: did you mean `modules`?

1 error"""
    )


def test_without_a_place() -> None:
    found = warning("W301", "odd", help="look")
    assert render([found], "text") == "warning[W301]: odd\n  = help: look\n\n1 warning"


def test_nothing_to_say() -> None:
    assert render([], "text", color=True) == ""


def test_sorted_by_file_and_position_and_counted() -> None:
    text = "a = 1\nb = 2\n"
    found = [
        error("E203", "third", span(text, "b")),
        error("E204", "fourth", span(text, "a", "z.toml")),
        warning("W301", "second", span(text, "a")),
        error("E101", "first"),
        error("E203", "third", span(text, "b")),
    ]
    report = render(found, "text")
    assert re.findall("first|second|third|fourth", report) == ["first", "second", "third", "fourth"]
    assert report.endswith("\n\n3 errors, 1 warning")


@pytest.mark.parametrize(
    ("text", "marked", "shown", "below"),
    [
        ("a\t=\tb # x", "b", "a    =    b # x", "          ^"),
        ("\ta\tb", "a\tb", "    a    b", "    ^^^^^^"),
        ("'日本' = b", "b", "'日本' = b", "         ^"),
        ("a = '日本'", "'日本'", "a = '日本'", "    ^^^^^^"),
        ("'\uff21\uff22' = b", "b", "'\uff21\uff22' = b", "         ^"),
        ("'e\u0301' = b", "b", "'e\u0301' = b", "      ^"),
        ("'\x1b[31m' = b", "b", "'\\x1b[31m' = b", "             ^"),
        ("'\u202e' = b", "\u202e", "'\\u202e' = b", " ^^^^^^"),
        ("'\udc80' = b", "b", "'\\udc80' = b", "           ^"),
        ("a = '\x00\x7f\x9b'", "\x7f", "a = '\\x00\\x7f\\x9b'", "         ^^^^"),
        ("x\r\na = 1\r\n", "1", "a = 1", "    ^"),
    ],
)
def test_the_marks_are_below_what_they_mark(text: str, marked: str, shown: str, below: str) -> None:
    assert lines(text, marked) == [shown, below]


def test_of_a_long_span_the_first_line_is_marked() -> None:
    assert lines("a = '''\nb\n''' # c", "'''\nb\n'''") == ["a = '''", "    ^^^"]


@pytest.mark.parametrize(("text", "shown", "below"), [("a =", "a =", "   ^"), ("", "", "^")])
def test_an_empty_span_gets_one_mark(text: str, shown: str, below: str) -> None:
    source = Source("a.toml", text, "toml")
    report = render([error("E110", "x", Span(source, len(text), len(text)))], "text").split("\n")
    assert report[3] == f"1 | {shown}".rstrip()
    assert report[4] == f"  | {below}"


def test_long_lines_are_cut_around_the_span() -> None:
    before, after = "a" * 500, "c" * 500
    shown, below = lines(f"{before}bbb{after}", "bbb")
    assert shown == "..." + "a" * 30 + "bbb" + "c" * 67 + "..."
    assert below == " " * 33 + "^^^"
    shown, below = lines(f"{before}bbb", "bbb")
    assert shown == "..." + "a" * 97 + "bbb"
    assert below == " " * 100 + "^^^"
    shown, below = lines(f"bbb{after}", "bbb")
    assert shown == "bbb" + "c" * 97 + "..."
    shown, below = lines("'" + "日" * 500 + "'", "日" * 500)
    assert (shown, below) == ("'" + "日" * 49 + "...", " " + "^" * 98)


def cells(text: str) -> int:
    widths = {"Mn": 0, "Me": 0}
    return sum(
        widths.get(unicodedata.category(c), 1 + (unicodedata.east_asian_width(c) in "WF"))
        for c in text
    )


@given(
    st.text(alphabet="ab\t日e\u0301\x1b\u202e😀", max_size=250),
    st.text(alphabet="XYZ", min_size=1, max_size=9),
    st.text(alphabet="ab\t日e\u0301\x1b\u202e😀", max_size=250),
)
def test_whatever_is_on_the_line_the_marks_are_below(before: str, marked: str, after: str) -> None:
    source = Source("a.toml", before + marked + after, "toml")
    found = Span(source, len(before), len(before) + len(marked))
    report = render([error("E203", "m", found)], "text").split("\n")
    line, below = (part.split("|", 1)[1][1:] for part in report[3:5])
    assert below == " " * below.count(" ") + "^" * len(marked)
    assert cells(line[: line.index(marked)]) == below.count(" ")
    assert cells(line) <= 106


def test_no_terminal_escape_comes_out_of_a_spec() -> None:
    text = "'\x1b]0;x\x07' = 1"
    found = error(
        "E203",
        "unknown key `\x1b[2J\n\rerror[E999]: \u2028`",
        span(text, "1", "a\x1b[31m\n.toml"),
        notes=("\x9b1m",),
        help="\u202e",
    )
    report = render([found], "text")
    assert all(line.isprintable() for line in report.split("\n"))
    assert "\nerror[E999]" not in report
    assert r"`\x1b[2J\n\rerror[E999]: \u2028`" in report


def test_long_messages_are_cut() -> None:
    report = render([error("E203", "a" * 10**6, notes=("b" * 10**6,))], "text")
    assert len(report) < 2200


def test_color_only_adds_escapes() -> None:
    found = [error("E203", "bad", span("a = 1", "1"), notes=("n",), help="h"), warning("W301", "w")]
    plain, colored = render(found, "text"), render(found, "text", color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31merror[E203]\x1b[0m" in colored
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == plain
