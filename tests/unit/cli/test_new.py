"""`archcompiler new`, and `list`, which names what it can start from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny import tiny_toml

import archcompiler
from archcompiler import shipped
from archcompiler.cli.list import LISTS
from archcompiler.cli.program import group
from archcompiler.diagnostics import CompileError
from archcompiler.spec.loader import load
from archcompiler.spec.schema import SCHEMA_FILE, schema_text


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(group, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> list[str]:
    """Codes of the errors that a command ends with."""
    with pytest.raises(CompileError) as error:
        CliRunner().invoke(group, arguments, catch_exceptions=False)
    return [d.code for d in error.value.diagnostics]


def test_a_new_spec_is_short_and_right() -> None:
    run("new", "my.toml", "--from", "attention56", "--input", "64", "--classes", "200")
    assert archcompiler.check("my.toml") == []
    spec = load("my.toml").spec
    assert (spec.name, spec.class_name, spec.title) == ("my", "My", "My")
    assert (spec.input, spec.classes) == ((3, 64, 64), 200)
    text = Path("my.toml").read_text()
    assert text.startswith(f"#:schema {SCHEMA_FILE}\n#")
    assert text.count("\n") < 20
    assert Path(SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()


STARTS = (
    "attention452",
    "attention56_ecg",
    "attention56_volume",
    "cbam_resnet50",
    "gluon56",
    "resnet50",
)


@pytest.mark.parametrize("base", STARTS)
def test_any_shipped_spec_can_be_the_start(base: str) -> None:
    run("new", "my.toml", "--from", base)
    assert archcompiler.check("my.toml") == []
    # What is only a comment holds when it is brought in.
    text = Path("my.toml").read_text()
    Path("more.toml").write_text(re.sub(r"^# (\[stages|\w+ = )", r"\1", text, flags=re.M))
    assert Path("more.toml").read_text().count("\n[stages.") == 1
    assert load("more.toml").sha256 == load("my.toml").sha256


def test_the_schema_of_the_project_is_taken() -> None:
    Path(".git").mkdir()
    Path(SCHEMA_FILE).write_text("{}")
    run("new", "below/deeper/my-Net 2.toml", "--from", "attention56_cifar")
    path = Path("below/deeper/my-Net 2.toml")
    assert path.read_text().startswith(f"#:schema ../../{SCHEMA_FILE}\n")
    assert load(path).spec.name == "my_net_2"
    assert Path(SCHEMA_FILE).read_text() == "{}"


def test_a_start_of_ones_own() -> None:
    Path("base.toml").write_text(tiny_toml())
    run("new", "my.toml", "--from", "base.toml", "--input", "1x8x16", "--name", "other")
    spec = load("my.toml").spec
    assert (spec.name, spec.input, spec.class_name) == ("other", (1, 8, 16), None)
    assert 'extends     = "base.toml"\n' in Path("my.toml").read_text()


@pytest.mark.parametrize("there", ["file", "link"])
def test_nothing_is_overwritten(there: str) -> None:
    path = Path("my.toml")
    path.write_text("mine") if there == "file" else path.symlink_to("gone.toml")
    assert refused("new", "my.toml") == ["E407"]
    assert path.is_symlink() if there == "link" else path.read_text() == "mine"
    assert not Path("gone.toml").exists()


def test_a_file_is_no_folder() -> None:
    Path("plain").write_text("mine")
    assert refused("new", "plain/my.toml") == ["E403"]
    assert Path("plain").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["os.toml"], "E205"),
        (["my.toml", "--name", "2"], "E205"),
        (["my.toml", "--from", "atention56"], "E101"),
        (["my.toml", "--input", "8"], "E306"),
        (["my.toml", "--from", "attention56_cifar", "--classes", "10000000"], "E204"),
    ],
)
def test_a_wrong_spec_is_not_written(arguments: list[str], code: str) -> None:
    assert code in refused("new", *arguments)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "size", ["", "x", "64x", "64x64x64x64", "64,64", "1x2x3x4x5", "0", "0x32x32", "70000"]
)
def test_a_size_that_is_none(size: str) -> None:
    result = CliRunner().invoke(group, ["new", "my.toml", "--input", size])
    assert result.exit_code == 2
    assert result.output.count("--input") == 1
    assert list(Path().iterdir()) == []


def test_what_was_read_once_is_no_start() -> None:
    result = CliRunner().invoke(group, ["new", "mine.toml", "--from", "-"], input=tiny_toml())
    assert result.exit_code == 2
    assert "--from -: a spec extends a file" in result.output
    assert not Path("mine.toml").exists()


def test_a_size_that_the_start_is_too_deep_for() -> None:
    with pytest.raises(CompileError) as caught:
        run("new", "my.toml", "--from", "attention56", "--input", "20")
    (problem,) = caught.value.diagnostics
    assert problem.span is not None
    assert (problem.code, problem.span.source.name) == ("E306", "--input")
    assert problem.help == "`--input 31` is the smallest that works"
    run("new", "my.toml", "--from", "attention56", "--input", "31")
    assert refused("new", "other.toml", "--from", "attention56", "--input", "30") == ["E306"]


def test_a_start_outside_of_a_project() -> None:
    Path("below").mkdir()
    Path("base.toml").write_text(tiny_toml())
    words = ("new", "below/my.toml", "--from", "base.toml")
    with pytest.raises(CompileError) as caught:
        run(*words)
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.help) == (
        "E208",
        "put `pyproject.toml` or `.git` into the folder above both, or name that with `--root DIR`",
    )
    result = CliRunner().invoke(group, [*words, "--root", "."])
    assert "note: other commands need `--root .` too" in result.stderr
    Path("pyproject.toml").touch()
    assert archcompiler.check("below/my.toml") == []
    words = ("new", "below/other.toml", "--from", "base.toml", "--root", ".")
    assert CliRunner().invoke(group, words).stderr == ""


def test_what_is_listed_can_be_named() -> None:
    found = json.loads(run("list", "--format", "json"))
    assert list(found) == list(LISTS)
    assert [entry["name"] for entry in found["specs"]] == list(shipped.specs())
    assert all(Path(entry["path"]).is_file() for entry in found["specs"] + found["recipes"])
    for kind, entries in found.items():
        names = [entry["name"] for entry in entries]
        assert names
        lines = run("list", kind).splitlines()
        assert [line.partition(" ")[0] for line in lines] == names
        assert json.loads(run("list", kind, "--format", "json")) == entries
        assert f"{kind} " in run("list")
    assert not any(title.startswith((":", "#")) for title in _titles(found))
    assert {"se", "hourglass"} < {entry["name"] for entry in found["masks"]}
    assert {"name": "E206", "title": "a spec that extends itself"} in found["codes"]


def _titles(found: dict[str, list[dict[str, str]]]) -> list[str]:
    return [entry["title"] for entries in found.values() for entry in entries]


def test_what_is_said_of_a_name_with_a_space_is_a_command() -> None:
    run("new", "my net.toml", "--from", "attention56")
    text = Path("my net.toml").read_text(encoding="utf-8")
    assert "`archcompiler show 'my net.toml'` prints it" in text
