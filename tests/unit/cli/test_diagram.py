import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import archcompiler
from archcompiler.cli.diagram import command
from archcompiler.diagnostics import CompileError
from archcompiler.figure import engine
from archcompiler.figure.diagram import FORMATS
from archcompiler.ir import Block

SPECS = Path(__file__).parents[3] / "specs"
SPEC = str(SPECS / "attention56_cifar.toml")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_default_is_an_svg_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(SPEC) == "attention56_cifar.svg\n"
    assert (tmp_path / "attention56_cifar.svg").read_bytes().startswith(b"<svg")


def test_several_formats_at_once(tmp_path: Path) -> None:
    run(SPEC, "--format", "dot,json,tikz,pdf", "-o", str(tmp_path))
    assert {path.suffix for path in tmp_path.iterdir()} == {".dot", ".json", ".tex", ".pdf"}


def test_a_format_may_be_given_again(tmp_path: Path) -> None:
    run(SPEC, "--format", "json", "--format", "tikz,json", "-o", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {
        "attention56_cifar.json", "attention56_cifar.tikz.tex",
    }  # fmt: skip


def test_all_operators_in_every_format(tmp_path: Path) -> None:
    scopes = ("--expand", "stage3", "--expand", "stem")
    run(SPEC, "--level", "op", *scopes, "--format", ",".join(FORMATS), "-o", str(tmp_path))
    assert len(list(tmp_path.iterdir())) == len(FORMATS)
    data = json.loads((tmp_path / "attention56_cifar.json").read_text())
    classes = [node["class"] for node in data["panels"][0]["nodes"]]
    network = archcompiler.compile(SPEC)
    body = network.graph.root.step("stage3").body
    convs = [node for node in network.graph.nodes() if node.op.kind == "conv"]
    within = [node for node in convs if node.scope.startswith("stage3/")]
    assert isinstance(body, Block)
    assert within
    assert classes.count("conv") == len(within) + 1, "and the one of the stem"


def test_without_any_dot_operators_are_written_as_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_from_wheel", lambda: None)
    monkeypatch.setattr(engine, "_from_system", lambda: None)
    result = CliRunner().invoke(
        command, [SPEC, "--level", "op", "--format", "svg,pdf", "-o", str(tmp_path)]
    )
    assert result.exit_code == 0
    (path,) = tmp_path.iterdir()
    assert path.read_text(encoding="utf-8").count("3×3 conv") > 5
    assert "no `dot` to make svg, pdf with" in result.stderr


def test_a_format_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    (tmp_path / "attention56_cifar.svg").mkdir()
    with pytest.raises(CompileError, match="E605"):
        run(SPEC, "--format", "svg,json", "-o", str(tmp_path))
    assert json.loads((tmp_path / "attention56_cifar.json").read_text())["panels"]


def test_a_scope_is_drawn_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    scope = ("--expand", "stage1/attention1", "--expand", "/stage1//attention1/")
    run(SPEC, *scope, "--level", "module", "--format", "json", "-o", str(tmp_path))
    data = json.loads((tmp_path / "attention56_cifar.json").read_text())
    ids = [node["id"] for node in data["panels"][0]["nodes"]]
    assert len(ids) == len(set(ids))


def test_a_program_that_is_no_dot(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="E602"):
        run(SPEC, "--dot", "/bin/true", "-o", str(tmp_path))


def test_too_many_operators_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="E606"):
        run(SPEC, "--set", "stages.0.modules=500", "--level", "op", "-o", str(tmp_path))


def test_two_specs(tmp_path: Path) -> None:
    assert "attention56_cifar_vs_attention452.svg" in run(
        SPEC, str(SPECS / "attention452.toml"), "-o", str(tmp_path)
    )
    with pytest.raises(CompileError, match="E604"):
        run(SPEC, SPEC, "--level", "op", "-o", str(tmp_path))


def test_an_unknown_scope_is_suggested() -> None:
    with pytest.raises(CompileError) as caught:
        run(SPEC, "--expand", "stage1/atention1")
    (found,) = caught.value.diagnostics
    assert (found.code, found.help) == ("E603", "did you mean `stage1/attention1`?")


def test_without_any_dot_the_source_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_from_wheel", lambda: None)
    monkeypatch.setattr(engine, "_from_system", lambda: None)
    result = CliRunner().invoke(command, [SPEC, "--format", "svg,png,html", "-o", str(tmp_path)])
    assert result.exit_code == 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".svg", ".dot"}
    assert "pip install graphviz-pure" in result.stderr
    assert "units are not drawn" in result.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--width", "1in"),
        ("--width", "wide"),
        ("--width", "9"),  # inches or centimetres?
        ("--format", "gif"),
        ("--format", ","),
        ("--level", "x"),
    ],
)
def test_bad_usage(option: str, value: str) -> None:
    assert CliRunner().invoke(command, [SPEC, option, value]).exit_code == 2


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(CompileError, match="E605"):
        run(SPEC, "-o", str(blocked / "inside"))
