import re
from pathlib import Path

import pytest

import archcompiler
from archcompiler.diagnostics.codes import all_codes, explanation

PACKAGE = Path(archcompiler.__file__).parent


def test_codes_are_in_order() -> None:
    assert list(all_codes()) == sorted(set(all_codes()))
    assert {"E101", "E110", "E113"} <= set(all_codes())


@pytest.mark.parametrize("code", all_codes())
def test_every_page_has_a_title_and_an_example(code: str) -> None:
    page = explanation(code)
    assert page is not None
    assert re.match(rf"# {code}: [^\n]*[^.\n]\n\n", page)
    assert page.endswith("\n")
    assert "```" in page or "`" in page


@pytest.mark.parametrize("code", ["E999", "", "../E101", "E101.md", "__init__"])
def test_there_is_no_page_for_anything_else(code: str) -> None:
    assert explanation(code) is None


def test_the_case_of_a_code_does_not_matter() -> None:
    assert explanation("e101") == explanation("E101")


def test_every_code_that_can_be_reported_has_a_page() -> None:
    used = {
        code
        for path in PACKAGE.rglob("*.py")
        for code in re.findall(r'"([EW]\d{3})"', path.read_text(encoding="utf-8"))
    }
    assert used <= set(all_codes())
