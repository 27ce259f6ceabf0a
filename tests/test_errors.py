"""Each spec in `errors/` beside the report it leads to: `python tests/regenerate.py errors`."""

from pathlib import Path

import pytest

from archcompiler.diagnostics import CompileError
from archcompiler.render import render
from archcompiler.source import Source
from archcompiler.syntax import parse

ERRORS = Path(__file__).parent / "errors"
SPECS = sorted(path for path in ERRORS.iterdir() if path.suffix in (".toml", ".json", ".yaml"))


def run(path: Path) -> str:
    """The report on a spec, with the name of the file for its path; "" if nothing is wrong."""
    try:
        parse(Source.read(path))
    except CompileError as exc:
        directory = path.parent.as_posix() + "/"
        return render(exc.diagnostics, "text").replace(directory, "") + "\n"
    return ""


def report_path(spec: Path) -> Path:
    """Where the report on a spec is kept."""
    return spec.with_suffix(".txt")


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.name)
def test_report(spec: Path) -> None:
    assert run(spec) == report_path(spec).read_text(encoding="utf-8")


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.name)
def test_a_spec_is_named_after_its_code(spec: Path) -> None:
    code = spec.name.partition("-")[0]
    assert f"[{code}]: " in report_path(spec).read_text(encoding="utf-8")


def test_every_report_has_its_spec() -> None:
    assert {path.stem for path in ERRORS.glob("*.txt")} == {path.stem for path in SPECS}
