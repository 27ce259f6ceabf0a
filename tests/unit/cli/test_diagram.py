from pathlib import Path

import pytest
from click.testing import CliRunner

from archcompiler.cli.diagram import command
from archcompiler.diagnostics import CompileError

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


def test_all_operators(tmp_path: Path) -> None:
    run(SPEC, "--level", "op", "--expand", "stage3", "--format", "svg,dot", "-o", str(tmp_path))
    assert (tmp_path / "attention56_cifar.dot").read_text(encoding="utf-8").count("3×3 conv") > 5
    with pytest.raises(CompileError, match="E604"):
        run(SPEC, "--level", "op", "--format", "html", "-o", str(tmp_path))


def test_too_many_operators_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="E606"):
        run(SPEC, "--set", "stages.0.modules=500", "--level", "op", "-o", str(tmp_path))


def test_two_specs(tmp_path: Path) -> None:
    assert "attention56_cifar_vs_attention452.svg" in run(
        SPEC, str(SPECS / "attention452.toml"), "-o", str(tmp_path)
    )
    with pytest.raises(CompileError, match="E604"):
        run(SPEC, SPEC, "--format", "html", "-o", str(tmp_path))


def test_an_unknown_scope_is_suggested() -> None:
    with pytest.raises(CompileError) as caught:
        run(SPEC, "--expand", "stage1/atention1")
    (found,) = caught.value.diagnostics
    assert (found.code, found.help) == ("E603", "did you mean `stage1/attention1`?")


def test_without_any_dot_the_source_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archcompiler.figure import engine

    monkeypatch.setattr(engine, "_from_wheel", lambda: None)
    monkeypatch.setattr(engine, "_from_system", lambda: None)
    result = CliRunner().invoke(command, [SPEC, "--format", "svg,png", "-o", str(tmp_path)])
    assert result.exit_code == 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".svg", ".dot"}
    assert "pip install graphviz-pure" in result.stderr
    assert "units are not drawn" in result.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--width", "1in"),
        ("--width", "wide"),
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
