import pickle
import subprocess
import sys

import pytest

from archcompiler.diagnostics import (
    CompileError,
    Diagnostic,
    Severity,
    Source,
    Span,
    error,
    warning,
)
from archcompiler.diagnostics.render import render

SOURCE = Source("a.toml", "a = 1\n", "toml")


def test_constructors_fill_in_the_severity() -> None:
    span = Span(SOURCE, 0, 1)
    found = error("E203", "unknown key", span, notes=["one", "two"], help="delete it")
    assert found == Diagnostic(
        "E203", Severity.ERROR, "unknown key", span, ("one", "two"), "delete it"
    )
    assert warning("W301", "odd") == Diagnostic("W301", Severity.WARNING, "odd")


def test_diagnostics_are_frozen_and_hashable() -> None:
    found = error("E203", "unknown key", notes=["one"])
    assert found in {found}
    with pytest.raises(AttributeError):
        found.code = "E204"  # type: ignore[misc]


def test_compile_error_reads_as_its_report() -> None:
    found = error("E203", "unknown key", Span(SOURCE, 0, 1)), error("E204", "missing key")
    exc = CompileError(*found)
    assert exc.diagnostics == found
    assert str(exc) == render(found, "text")
    assert "a.toml:1:1" in str(exc)


def test_compile_error_survives_pickling() -> None:
    exc = CompileError(error("E203", "unknown key", Span(SOURCE, 0, 1)))
    assert pickle.loads(pickle.dumps(exc)).diagnostics == exc.diagnostics


@pytest.mark.parametrize(
    "module",
    ["diagnostics", *(f"diagnostics.{m}" for m in ("span", "read", "render", "codes"))],
)
def test_it_needs_nothing_else_of_the_package(module: str) -> None:
    code = f"import sys, archcompiler.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("archcompiler.")}
    assert {".".join(name.split(".")[:2]) for name in ours} == {"archcompiler.diagnostics"}


def test_parsing_waits_for_the_grammar_until_a_place_is_asked_for() -> None:
    code = "import sys, archcompiler.syntax; sys.exit('tree_sitter' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
