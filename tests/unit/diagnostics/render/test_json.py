import json

from archcompiler.diagnostics import Source, Span, error, warning
from archcompiler.diagnostics.render import render


def test_fields() -> None:
    text = "é = 1\nx = '''\n日'''\n"
    source = Source("specs/a.toml", text, "toml")
    found = [
        error("E203", "bad", Span(source, text.index("'"), len(text) - 1), notes=("n",), help="h"),
        warning("W301", "odd"),
    ]
    nowhere, somewhere = json.loads(render(found, "json"))
    assert somewhere == {
        "code": "E203",
        "severity": "error",
        "message": "bad",
        "file": "specs/a.toml",
        "line": 2,
        "column": 5,
        "end_line": 3,
        "end_column": 5,
        "notes": ["n"],
        "help": "h",
    }
    assert nowhere == {
        "code": "W301",
        "severity": "warning",
        "message": "odd",
        **dict.fromkeys(["file", "line", "column", "end_line", "end_column"]),
        "notes": [],
        "help": None,
    }


def test_nothing_to_say_is_a_list() -> None:
    assert json.loads(render([], "json")) == []


def test_color_and_odd_characters_leave_it_printable() -> None:
    report = render([error("E203", "\x1b[31m\x9b\udc80\u202e")], "json", color=True)
    assert report.replace("\n", "").isascii()
    assert report.replace("\n", "").isprintable()
    assert json.loads(report)[0]["message"] == "\x1b[31m\x9b\udc80\u202e"
