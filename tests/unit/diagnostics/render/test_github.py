from archcompiler.diagnostics import Source, Span, error, warning
from archcompiler.diagnostics.render import render


def test_one_command_a_diagnostic() -> None:
    source = Source("specs/a.toml", "a = 1\nbb = 2\n", "toml")
    found = [error("E203", "bad", Span(source, 6, 8)), warning("W301", "odd")]
    assert render(found, "github") == (
        "::warning title=W301::odd\n"
        "::error file=specs/a.toml,line=2,endLine=2,col=1,endColumn=3,title=E203::bad"
    )


def test_notes_and_help_are_lines_of_the_message() -> None:
    assert render([error("E203", "bad", notes=("n",), help="h")], "github") == (
        "::error title=E203::bad%0Anote: n%0Ahelp: h"
    )


def test_columns_only_within_one_line() -> None:
    source = Source("a.toml", "a = [\n1]", "toml")
    report = render([error("E203", "bad", Span(source, 4, 8))], "github")
    assert report == "::error file=a.toml,line=1,endLine=2,title=E203::bad"


def test_nothing_can_break_out_of_a_command() -> None:
    source = Source("a:1,b%.toml", "a", "toml")
    found = error("E203", "100%\n::error::x\r, : \x1b", Span(source, 0, 1), help="%0A")
    assert render([found], "github", color=True) == (
        "::error file=a%3A1%2Cb%25.toml,line=1,endLine=1,col=1,endColumn=2,title=E203"
        "::100%25\\n::error::x\\r, : \\x1b%0Ahelp: %250A"
    )


def test_nothing_to_say() -> None:
    assert render([], "github") == ""
