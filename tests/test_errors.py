"""Each spec in `errors/` beside the report it leads to: `python tests/regenerate.py errors`."""

from pathlib import Path

import pytest

import archcompiler
from archcompiler.diagnostics.codes import all_codes
from archcompiler.diagnostics.render import render

ERRORS = Path(__file__).parent / "errors"
SPECS = sorted(path for path in ERRORS.iterdir() if path.suffix in (".toml", ".json", ".yaml"))


def run(path: Path) -> str:
    """The report on a spec, with the name of the file for its path; "" if nothing is wrong."""
    text = render(archcompiler.check(path), "text")
    return text.replace(path.parent.as_posix() + "/", "") + "\n" if text else ""


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


def test_every_code_that_a_spec_can_lead_to_is_here() -> None:
    codes = {spec.name.partition("-")[0] for spec in SPECS}
    # The file system's, those of `--set`, `build` and `flops`, those of graphs no spec leads to.
    elsewhere = {"E101", "E105", "E107", "E209", "E215", "E301", "E302"}
    elsewhere |= {"E315", "E316"}  # an outside package's
    assert codes == {code for code in all_codes() if code[1] in "123"} - elsewhere


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.name)
def test_messages_are_in_lower_case_and_name_one_cause_once(spec: Path) -> None:
    found = archcompiler.check(spec)
    # A word in capitals is a name: JSON, UTF-8, `NaN`.
    assert all(d.message[0] in "`0123456789" or d.message[:2].islower() for d in found)
    assert len({(d.code, d.span, d.message) for d in found}) == len(found)
