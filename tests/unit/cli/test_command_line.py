"""What every command has in common: files and streams that are named, help, completion, JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner
from tiny import tiny_spec, tiny_toml
from unit.cli.invoking import changed, invoke, write

import archcompiler
from archcompiler import shipped
from archcompiler.cli.program import group, run
from archcompiler.diagnostics import CompileError
from archcompiler.figure.diagram import file_name

pytestmark = pytest.mark.usefixtures("folder")

RECIPE = (shipped.recipes()["smoke"]).read_text(encoding="utf-8")


def refused(*arguments: str) -> list[str]:
    with pytest.raises(CompileError) as error:
        CliRunner().invoke(group, arguments, catch_exceptions=False)
    return [d.code for d in error.value.diagnostics]


# Where the output goes


def test_a_module_into_a_file_of_any_name() -> None:
    assert invoke("build", "tiny.toml", "-o", "models/net.py").stdout.startswith(
        str(Path("models/net.py")) + "  created"
    )
    assert [path.name for path in Path("models").iterdir()] == ["net.py"]
    invoke("build", "--check", "tiny.toml", "-o", "models/net.py")
    changed("other.toml")
    two = invoke("build", "tiny.toml", "other.toml", "-o", "net.py", code=2)
    assert "is one file, but there are 2 specs" in two.output


def test_a_folder_that_is_there_is_one_whatever_its_name() -> None:
    Path("net.py").mkdir()
    invoke("build", "tiny.toml", "-o", "net.py")
    assert Path("net.py/tiny.py").is_file()


def test_a_module_to_the_standard_output() -> None:
    write("tiny.toml", tiny_toml().replace('name = "tiny"', 'name = "tiny"\ntitle = "é×"'))
    result = invoke("build", "tiny.toml", "-o", "-")
    assert result.stdout == archcompiler.compile("tiny.toml").source
    assert not Path("generated").exists()
    assert not Path("-").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("build", "tiny.toml", "-o", "a/b/{}.py"),
        ("flops", "tiny.toml", "-o", "a/b/{}.csv"),
        ("diagram", "tiny.toml", "-o", "a/b/{}.svg"),
    ],
    ids=lambda words: words[0],
)
def test_a_file_that_cannot_be_written_leaves_no_folder(
    words: tuple[str, ...], folder: Path
) -> None:
    long = "n" * 300  # longer than any file system lets a name be
    assert refused(*(word.format(long) for word in words)) in (["E403"], ["E605"])
    assert [path.name for path in folder.iterdir()] == ["tiny.toml"]
    Path("a").mkdir()
    refused(*(word.format(long) for word in words))
    assert [*Path("a").iterdir()] == []


@pytest.mark.parametrize("format", ["svg", "pdf", "tikz", "json", "mermaid"])
def test_a_figure_into_a_file_of_any_name(format: str) -> None:
    name = file_name("my figure", format)
    assert invoke("diagram", "tiny.toml", "-o", f"out/{name}").stdout == f"out/{name}\n"
    assert [path.name for path in Path("out").iterdir()] == [name]
    invoke("diagram", "tiny.toml", "--format", format)
    assert Path("out", name).read_bytes() == Path(file_name("tiny", format)).read_bytes()


def test_a_file_has_one_format() -> None:
    result = invoke("diagram", "tiny.toml", "-o", "a.svg", "--format", "svg,pdf", code=2)
    assert "-o a.svg is one file, of format svg" in result.output
    invoke("diagram", "tiny.toml", "-o", "figures.d/", "--format", "svg,pdf")
    assert len(list(Path("figures.d").iterdir())) == 2


@pytest.mark.parametrize("format", ["svg", "pdf", "tikz", "json", "mermaid", "html"])
def test_a_figure_to_the_standard_output(format: str) -> None:
    invoke("diagram", "tiny.toml", "--format", format)
    for stream in ("-", "/dev/stdout"):
        piped = invoke("diagram", "tiny.toml", "--format", format, "-o", stream)
        assert piped.stdout_bytes == Path(file_name("tiny", format)).read_bytes()
    assert not Path("-").exists()


def test_the_standard_output_is_one_file() -> None:
    several = invoke("diagram", "tiny.toml", "--format", "svg,pdf", "-o", "-", code=2)
    assert "-o - is one file, not 2" in several.output
    assert invoke("diagram", "tiny.toml", "-o", "-").stdout.startswith("<svg ")


def test_no_picture_goes_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archcompiler.cli.diagram.sys", Mock(**{"stdout.isatty": lambda: True}))
    refused = invoke("diagram", "tiny.toml", "--format", "pdf", "-o", "-", code=2)
    assert "pdf is nothing for a terminal" in refused.output


def test_a_table_to_the_standard_output() -> None:
    shown = invoke("flops", "tiny.toml", "--format", "csv").stdout
    for stream in ("-", "/dev/stdout"):
        assert invoke("flops", "tiny.toml", "--format", "csv", "-o", stream).stdout == shown
    assert not Path("-").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("build tiny.toml -o net.txt", "in .py; a folder is `net.txt/`"),
        ("diagram tiny.toml -o fig.jpg", "in .svg, .png, .pdf, .dot, .json, .html, .tex or .mmd"),
        ("diagram tiny.toml -o f.eps", "a folder is `f.eps/`"),
        ("flops tiny.toml -o costs.xls", "end it in .txt, .md, .csv, .json, .tex"),
        ("flops tiny.toml -o costs/", "is a folder, and one file is written"),
        ("predict run a.png -o a.xls", "end it in .txt, .csv, .json"),
        ("masks run a.png -o m.jpg", "in .png"),
        ("masks run a.png -o -", "`-`: this is not written to the standard output"),
        ("export run -o x.zip", "a folder is `x.zip/`"),
        ("export run -o -", "`-`: this is not written to the standard output"),
        ("export run -o tiny.toml", "is a file, and a folder is written"),
        ("eval run -o scores.json", "a folder is `scores.json/`"),
        ("eval run -o /dev/stdout", "this is not written to the standard output"),
        ("build tiny.toml -o tiny.toml", "as a file that is written here, in .py\n"),
        ("build tiny.toml -o /dev/null", "is neither a file nor a folder"),
    ],
)
def test_what_no_file_of_a_command_is_called(words: str, reason: str) -> None:
    before = {*Path().iterdir()}
    assert reason in invoke(*words.split(), code=2).output
    assert {*Path().iterdir()} == before


@pytest.mark.parametrize("name", ["figures", "run-0.1", "figures.jpg/", "a.svg/", "there.svg"])
def test_a_folder_is_known_by_its_name_or_is_there(name: str) -> None:
    Path("there.svg").mkdir()
    invoke("diagram", "tiny.toml", "-o", name)
    invoke("build", "tiny.toml", "-o", name)
    assert {path.name for path in Path(name).iterdir()} == {"tiny.svg", "tiny.py"}


def test_the_cure_of_a_stale_file_names_the_folder_as_one() -> None:
    stale = invoke("build", "--check", "tiny.toml", "-o", "nets.d/", code=1)
    assert "rebuild with: archcompiler build tiny.toml -o nets.d/\n" in stale.stderr


# Two specs of one name


def test_a_spec_does_not_overwrite_what_another_was_compiled_to() -> None:
    invoke("build", "tiny.toml")
    before = Path("generated/tiny.py").read_bytes()
    changed("other.toml")
    assert refused("build", "other.toml") == ["E404"]
    assert Path("generated/tiny.py").read_bytes() == before
    invoke("build", "other.toml", "--force")
    assert refused("build", "tiny.toml") == ["E404"]


@pytest.mark.parametrize("change", ["edited", "moved", "set"])
def test_a_spec_overwrites_what_it_was_compiled_to_itself(change: str) -> None:
    invoke("build", "tiny.toml")
    settings = ["--set", "classes=9"] if change == "set" else []
    if change == "edited":
        write("tiny.toml", tiny_toml().replace("classes = 10", "classes = 9"))
    if change == "moved":
        Path("tiny.toml").rename("again.toml")
        settings = ["--set", "classes=9"]
    spec = "again.toml" if change == "moved" else "./tiny.toml"
    assert "updated" in invoke("build", spec, *settings).stdout


def test_a_shipped_spec_is_another_than_a_file_of_its_name() -> None:
    invoke("build", "attention56_cifar")
    write("attention56_cifar.toml", 'extends = "attention56_cifar"\nclasses = 9')
    assert refused("build", "attention56_cifar.toml") == ["E404"]


def test_one_network_in_two_files_is_written_once() -> None:
    write("same.json", json.dumps(tiny_spec()))
    assert len(invoke("build", "tiny.toml", "same.json").stdout.splitlines()) == 1
    assert "# Source: archcompiler build tiny.toml\n" in Path("generated/tiny.py").read_text()


# What becomes of the others


@pytest.mark.parametrize("command", ["build", "check", "flops", "diagram"])
def test_a_right_spec_beside_a_wrong_one_is_named(command: str) -> None:
    write("wrong.toml", "name = 1")
    result = invoke(command, "tiny.toml", "wrong.toml", code=2)
    assert "tiny.toml has no error, but nothing was done with it\n" in result.stderr
    assert not Path("generated").exists()


def test_json_says_what_the_networks_are() -> None:
    write("wrong.toml", "name = 1")
    both = json.loads(invoke("check", "--format", "json", "tiny.toml", "wrong.toml", code=2).stdout)
    assert {d["code"] for d in both["diagnostics"]} == {"E202", "E203"}
    (network,) = both["networks"]
    graph = archcompiler.compile("tiny.toml").graph
    costs = archcompiler.compile("tiny.toml").flops()
    assert network["operators"] == graph.root.operator_count
    assert (network["params"], network["macs"]) == (costs["params"], costs["macs"])
    assert (network["input"], network["classes"]) == ([3, 32, 32], 10)
    assert network["valid_sizes"] == [[1, None]]
    built = json.loads(invoke("build", "--format", "json", "tiny.toml").stdout)["networks"]
    assert built == [
        {**network, "file": "generated/tiny.py", "written": "created", "lines": built[0]["lines"]}
    ]
    checked = json.loads(invoke("build", "--check", "--format", "json", "tiny.toml").stdout)
    assert checked["networks"][0]["stale"] is False


def test_whatever_goes_wrong_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    write("generated/tiny.py", "mine = 1")
    assert run(["build", "--format", "json", "tiny.toml"]) == 2
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert found["code"] == "E402"


def test_github_is_told_of_files_only() -> None:
    out = invoke("check", "--format", "github", "tiny.toml", "--set", "classes=0", code=2).stdout
    assert out.startswith("::error title=E204::")
    assert "%0Ain --set:1: classes=0" in out
    out = invoke(
        "check", "--format", "github", "attention56", "--set", "input=[3,8,8]", code=2
    ).stdout
    assert "file=" not in out
    assert "<shipped>/attention56.toml:" in out


# Recipes


def test_check_recognises_a_recipe() -> None:
    write("mine.toml", RECIPE)
    assert invoke("check", "smoke", "mine.toml", "tiny.toml").stdout.splitlines()[1:] == [
        "smoke: a recipe without a mistake",
        "mine.toml: a recipe without a mistake",
    ]
    write("mine.toml", RECIPE.replace("iterations ", "iteratoins "))
    result = invoke("check", "mine.toml", "tiny.toml", code=2)
    assert "did you mean `iterations`?" in result.stderr
    assert result.stderr.count("error[") == 1
    invoke("check", "smoke", "tiny.toml", "--set", "batch_size=8", "--set", "classes=3")
    assert "E204" in invoke("check", "smoke", "--set", "batch_size=0", code=2).stderr
    assert "recipe" in invoke("check", "-", input=RECIPE).stdout


@pytest.mark.parametrize("command", ["build", "flops", "train"])
def test_a_recipe_for_a_spec_is_one_error(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("mine.toml", RECIPE)
    words = [command, "mine.toml", *(["--recipe", "smoke"] if command == "train" else [])]
    assert run(words) == 2
    err = capsys.readouterr().err
    assert err.count("error[") == err.count("error[E215]") == 1


def test_a_spec_for_a_recipe_is_one_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "tiny.toml", "--recipe", "tiny.toml"]) == 2
    err = capsys.readouterr().err
    assert err.count("error[") == err.count("error[E215]: `tiny.toml` is a spec") == 1
    write("study.toml", 'recipe = "smoke"\nseeds = [0]\n[[specs]]\nspec = "tiny.toml"\n')
    assert run(["train", "tiny.toml", "--recipe", "study.toml"]) == 2
    assert "error[E215]: `study.toml` is a study, not a recipe" in capsys.readouterr().err
    # A mistaken recipe is one still, and a file that says nothing is neither.
    write("bad.toml", RECIPE.replace("iterations ", "iteratoins "))
    write("odd.toml", "a = 1")
    for name, code in (("bad.toml", "E201"), ("odd.toml", "E201")):
        assert run(["train", "tiny.toml", "--recipe", name]) == 2
        assert f"error[{code}]" in capsys.readouterr().err


# Standard input


def test_a_spec_from_the_standard_input() -> None:
    assert invoke("check", "-", input=tiny_toml()).stdout.startswith("tiny: ")
    assert invoke("check", "-", input=json.dumps(tiny_spec())).stdout.startswith("tiny: ")
    assert "# <stdin>:1" in invoke("show", "-", input=tiny_toml()).stdout
    # Its folder is the current one.
    invoke("flops", "-", input='extends = "tiny.toml"\nclasses = 7')
    invoke("build", "-", "tiny.toml", input=tiny_toml().replace('"tiny"', '"other"'))
    assert "# Source: archcompiler build -\n" in Path("generated/other.py").read_text()


@pytest.mark.parametrize(
    ("text", "code"), [("", "E103"), ("name = ", "E110"), ("\xff", "E110"), ("name = 1", "E203")]
)
def test_a_wrong_standard_input(
    text: str, code: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, put = os.pipe()
    os.write(put, text.encode())
    os.close(put)
    with os.fdopen(read) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert run(["check", "-"]) == 2
    err = capsys.readouterr().err
    assert f"error[{code}]" in err
    assert "<stdin>" in err


# What is read


@pytest.mark.parametrize(
    "words",
    [
        ("diagram", "child.json", "--format", "json"),
        ("diagram", "child.json", "-o", "base.json"),
        ("flops", "child.json", "-o", "base.json"),
        ("flops", "child.json", "-o", "./child.json"),
    ],
    ids=" ".join,
)
def test_what_a_spec_is_read_from_is_written_over_by_nothing(words: tuple[str, ...]) -> None:
    write("base.json", json.dumps(tiny_spec({"channels": 8})))
    write("child.json", '{"extends": "base.json", "name": "child"}')
    before = {name: Path(name).read_bytes() for name in ("base.json", "child.json")}
    assert refused(*words) == ["E407"]
    assert {name: Path(name).read_bytes() for name in before} == before


@pytest.mark.parametrize(
    "words",
    [
        ("build", "tiny.toml", "-o", ""),
        ("check", ""),
        ("train", "tiny.toml", "--recipe", "smoke", "--init", ""),
        ("search", "stage_sweep", "--write", ""),
    ],
    ids=" ".join,
)
def test_a_path_without_letters_is_not_this_folder(words: tuple[str, ...]) -> None:
    assert "an empty path" in invoke(*words, code=2).stderr


def test_the_standard_input_is_read_once() -> None:
    text = Path("tiny.toml").read_text(encoding="utf-8")
    assert "read once" in invoke("check", "-", "-", code=2, input=text).stderr
    assert "read once" in invoke("diff", "-", "-", code=2, input=text).stderr
    invoke("check", "-", input=text)


@pytest.mark.parametrize("setting", ["epochs=3", "iterations=4"])
def test_the_length_of_a_run_is_said_once(setting: str, folder: Path) -> None:
    words = ("tiny.toml", "--recipe", "smoke", "--epochs", "2", "--set", setting)
    printed = invoke("train", *words, code=2).output
    assert f"--epochs 2 and `--set {setting}`: leave one of them out" in printed
