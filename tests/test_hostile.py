"""Inputs that mean harm, each as small as it gets, with what has to come of them.

A small one is a file in `hostile/`; a large one, or one that is no file, is made by a line of the
table. What is found in the wild or by `python -m benchmarks.fuzz` gets a line here.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sys
import tokenize
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from archcompiler.cli import program

FOLDER = Path(__file__).parent / "hostile"
HEAD = 'name = "net"\ninput = [3, 32, 32]\nclasses = 10\nstem = "conv"\n'
SPACE = 'extends = "attention56"\n[space]\n'
ONE = f"{HEAD}[[stages]]\nchannels = 16\n"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
"""Whatever acts on a terminal, but for line ends and tabs."""
posix = pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX systems")


@dataclass(frozen=True)
class Input:
    """A command line, and what has to come of it; `{}` in it is the name of the input."""

    name: str
    code: str
    """Of the first diagnostic; "" where all is well."""
    place: str = ""
    """Its line and column; "" where it has none."""
    made: Callable[[Path], object] | None = None
    """What makes the input at a path; else it is a file of `hostile/`."""
    words: str = "check {}"

    @property
    def exit_code(self) -> int:
        return 2 if self.code else 0


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content, encoding="utf-8", newline="")


def link(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


SETTING = [
    ("a number with zeros before it", "classes=007", "E203"),
    ("401 digits", f"classes={'1' * 401}", "E110"),
    ("401 digits in an array", f"input=[3, {'1' * 401}, 8]", "E110"),
    ("5,000 digits", f"classes={'1' * 5000}", "E203"),
    ("nested brackets", f"x={'[' * 70}{']' * 70}", "E113"),
    ("a long key", f"{'a.' * 70}b=1", "E209"),
    ("no key", "=1", "E209"),
    ("half a key", "a..b=1", "E209"),
    ("a key with an escape", "a\x1b[31m=1", "E201"),
    ("a second key behind a line break", "classes=3\nname='x'", "E203"),
    ("bytes that are not UTF-8", "title=\udcff", "E209"),
    ("an entry that is not there", "stages.7.modules=1", "E210"),
    ("an entry of no array", "classes.0=1", "E203"),
    ("another type", "stages=3", "E203"),
    ("a base", "extends='/etc/passwd'", "E201"),
]
"""Settings of a sound spec, with the code that each leads to."""

INPUTS = [
    # Words that would be code, or become it.
    Input("python.toml", "E205", "1:8"),
    Input("expressions.toml", "E220", "11:47"),
    Input("steps.toml", "E205", "11:1"),
    # Text that acts on whoever shows it.
    Input("bidi.toml", "E211", "4:8"),
    Input("escape.toml", "E110", "4:13"),
    Input("keys.json", "E201", "3:2"),
    Input("a\x1b[31m\u202eb.toml", "E103", "1:1", text("")),
    # Bytes that are no text, and texts that are no values.
    Input("cp1252.toml", "E102", "5:11"),
    Input("utf-16.toml", "E102", "1:1"),
    Input("bom.toml", "E204", "3:11"),
    Input("null.toml", "E110", "5:11"),
    Input("carriage-return.toml", "E110", "1:13"),
    Input("surrogate.json", "E110", "1:10"),
    Input("nan.json", "E110", "1:10"),
    Input("infinity.json", "E110", "1:10"),
    Input("digits.toml", "E110", "3:11", text(HEAD.replace("10", "1" * 401))),
    Input("brackets.toml", "E113", "1:69", text("x = " + "[" * 100)),
    Input("braces.json", "E113", "1:321", text('{"a":' * 100)),
    Input("dots.toml", "E113", "1:1", text("a." * 100 + "b = 1")),
    Input("long.toml", "E204", "1:9", text(f'title = "{"a" * 3000}"\n{ONE}')),
    Input("large.toml", "E105", "", text("#" * ((1 << 18) + 1))),
    # Spaces of specs.
    Input("path.toml", "E801", "3:1", text(f'{SPACE}"{"a." * 100}b" = [1]\n')),
    Input("keys.toml", "E801", "3:16", text(f'{SPACE}"\\u001b[31m" = 1\n')),
    Input("many.toml", "E803", "2:1", text(
        SPACE + "".join(f"classes.k{i} = '1..1999'\n" for i in range(99)))),
    Input("range.toml", "E801", "3:11", text(f"{SPACE}classes = '1..999999999'\n")),
    Input("space.toml", "E208", "1:11", text('extends = "/etc/passwd"\n[space]\nclasses = [1]\n')),
    # Files that are none, and files of others.
    Input("gone.toml", "E101"),
    Input("folder.toml", "E101", "", Path.mkdir),
    Input("pipe.toml", "E101", "", lambda path: os.mkfifo(path)),
    Input("device.toml", "E101", "", link("/dev/zero")),
    Input("loop.toml", "E101", "", link("loop.toml")),
    Input("extends-up.toml", "E208", "1:11"),
    Input("extends-root.toml", "E208", "1:11"),
    Input("extends-home.toml", "E207", "1:11"),
    Input("extends-null.toml", "E207", "1:11"),
    Input("extends-url.toml", "E207", "1:11"),
    Input("extends-dot.toml", "E207", "1:11"),
    Input("extends-pipe.toml", "E207", "1:11", lambda path: (
        os.mkfifo(path.with_name("pipe.toml")), path.write_text('extends = "pipe.toml"'))),
    Input("extends-device.toml", "E208", "1:11", lambda path: (
        path.with_name("zero.toml").symlink_to("/dev/zero"),
        path.write_text('extends = "zero.toml"'))),
    # Much from little.
    Input("endless.toml", "E222", "11:12"),
    Input("twofold.toml", "E310", "7:1"),
    Input("all-differ.toml", "E310", "16:7"),
    Input("product.toml", "E310", "9:11"),
    Input("wide-wrong.toml", "E305", "8:12"),
    # Targets that are none.
    Input("sound.toml", "E403", "", lambda path: (
        shutil.copy(FOLDER / path.name, path), path.with_name("out").mkdir(),
        os.mkfifo(path.parent / "out" / "net.py")), "build {} -o out"),
    Input("sound.toml", "E403", "", lambda path: (
        shutil.copy(FOLDER / path.name, path), path.with_name("out").mkdir(),
        (path.parent / "out" / "net.py").symlink_to("/dev/zero")), "build {} -o out"),
    Input("sound.toml", "E402", "", lambda path: (
        shutil.copy(FOLDER / path.name, path), path.with_name("out").mkdir(),
        (path.parent / "out" / "net.py").write_bytes(b"\xff\x00")), "build {} -o out"),
    # A recipe is read as a spec is.
    Input("recipe.toml", "E102", "1:9", lambda path: path.write_bytes(b"seed = '\xe9'"),
          "train sound.toml --recipe {}"),
    Input("recipe.toml", "E101", "", lambda path: os.mkfifo(path),
          "train sound.toml --recipe {}"),
    # What looks like harm and is none.
    Input("outputs.toml", ""),
    Input("sound.toml", ""),
]  # fmt: skip


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code of a command line in this process, and what it prints."""
    code = program._invoke(list(words))
    captured = capsys.readouterr()
    return code, captured.out + captured.err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(FOLDER / "sound.toml", tmp_path)
    inside = tmp_path / "inside"
    inside.mkdir()
    shutil.copy(FOLDER / "sound.toml", inside)
    monkeypatch.chdir(inside)
    return inside


@posix
@pytest.mark.parametrize("input", INPUTS, ids=lambda input: ascii(input.name))
def test_input(input: Input, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if input.made is not None:
        (folder / "sound.toml").unlink() if input.name == "sound.toml" else None
        input.made(folder / input.name)
    elif (FOLDER / input.name).exists():
        shutil.copy(FOLDER / input.name, folder)
    words = [word.replace("{}", input.name) for word in input.words.split()]
    code, printed = run(capsys, *words)
    assert code == input.exit_code, printed
    assert not UNSAFE.search(printed)
    found = re.findall(r"^error\[(\w+)\]: .*\n(?: +--> (?:.*):(\d+:\d+)$)?", printed, re.MULTILINE)
    assert (found or [("", "")])[0] == (input.code, input.place), printed


@pytest.mark.parametrize(
    ("argument", "code"), [s[1:] for s in SETTING], ids=[s[0] for s in SETTING]
)
def test_setting(
    argument: str, code: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, printed = run(capsys, "check", "sound.toml", "--set", argument)
    assert exit_code == 2
    assert not UNSAFE.search(printed)
    (first, *_) = re.findall(r"^error\[(\w+)\]", printed, re.MULTILINE)
    assert first == code, printed


def test_every_file_is_tried() -> None:
    tried = {input.name for input in INPUTS} | {"cookie.toml", "docstring.toml", "sinks.toml"}
    assert {path.name for path in FOLDER.iterdir()} <= tried


@posix
@pytest.mark.parametrize("name", ["cookie.toml", "docstring.toml", "sinks.toml", "outputs.toml"])
def test_no_text_of_a_spec_is_code_or_acts_on_a_terminal(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = folder / f"coding=utf-7 \x1b[31m\u2028{name}"
    shutil.copy(FOLDER / name, spec)
    for words in (
        ["check", "--format", "json"],
        ["show"],
        ["flops", "--by", "module"],
        ["build", "-o", "a\x1b[31mb", "--set", "title=Encoding: the\u2028\u202enet"],
    ):
        code, printed = run(capsys, words[0], spec.name, *words[1:])
        assert code == 0, printed
        assert not UNSAFE.search(printed), words
    (emitted,) = (folder / "a\x1b[31mb").iterdir()
    with emitted.open("rb") as file:
        assert tokenize.detect_encoding(file.readline)[0] == "utf-8"
    tree = ast.parse(emitted.read_bytes())
    assert imported(tree) == {"torch"}
    called = {node.func.id for node in ast.walk(tree) if is_call_of_a_name(node)}
    assert not called & {"eval", "exec", "open", "__import__", "abort"}


def imported(tree: ast.Module) -> set[str]:
    """Packages that an emitted file imports beside those of Python that it always does."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found - {"__future__", "collections", "contextlib", "dataclasses", "functools", "typing"}


def is_call_of_a_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def test_what_show_prints_of_hostile_text_is_the_same_spec(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(FOLDER / "sinks.toml", folder)
    code, shown = run(capsys, "show", "sinks.toml")
    assert code == 0
    (folder / "again.toml").write_text(shown, encoding="utf-8")
    hashes = []
    for name in ("sinks.toml", "again.toml"):
        code, printed = run(capsys, "build", name, "-o", name.removesuffix(".toml"))
        assert code == 0, printed
        emitted = (folder / name.removesuffix(".toml") / "net.py").read_text(encoding="utf-8")
        hashes.append(re.findall(r"^# Spec sha256: (\w+)$", emitted, re.MULTILINE))
    assert hashes[0] == hashes[1] != []


def test_a_report_in_json_is_json_whatever_the_text(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bidi.toml", "keys.json", "escape.toml"):
        shutil.copy(FOLDER / name, folder)
        code, printed = run(capsys, "check", name, "--format", "json")
        assert code == 2
        assert printed.isascii()
        assert json.loads(printed)["diagnostics"][0]["file"] == name
