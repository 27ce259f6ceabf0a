"""Operators by name: built in, of other packages, and of packages that are broken."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from archcompiler import ops
from archcompiler.diagnostics import CompileError
from archcompiler.ops import registry
from archcompiler.ops.base import Operator
from archcompiler.ops.registry import operator, operator_names, operators

MODULE = """
from archcompiler.ops.base import Operator

class Cube(Operator):
    kind = "cube"

class Fourth(Operator):
    kind = "fourth_power"

NUMBER = 3
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package of a name with a module's text and entry points."""

    def install(package: str, text: str, **points: str) -> None:
        (tmp_path / f"{package}.py").write_text(text)
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (folder / "entry_points.txt").write_text(f"[archcompiler.operators]\n{lines}")
        registry._outside.cache_clear()

    monkeypatch.syspath_prepend(tmp_path)
    yield install
    registry._outside.cache_clear()


def refusal(name: str) -> tuple[str, str]:
    """Message and note of why an operator cannot be used."""
    with pytest.raises(CompileError) as caught:
        operator(name)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E315"
    (note,) = diagnostic.notes
    return diagnostic.message, note


def test_the_built_in_operators() -> None:
    assert all(kind == cls.kind for kind, cls in operators().items())
    assert list(operators()) == sorted(operators())
    assert operator("conv") is operators()["conv"]


def test_every_operator_is_listed_under_its_module() -> None:
    found = {}
    for module in pkgutil.iter_modules(ops.__path__):
        for _, cls in inspect.getmembers(import_module(f"archcompiler.ops.{module.name}")):
            if inspect.isclass(cls) and issubclass(cls, Operator) and "kind" in vars(cls):
                found[cls.kind] = cls.__module__.rpartition(".")[2]
    assert found == registry.FAMILIES


def test_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        operator("no such operator")


def test_an_outside_operator(install: Install) -> None:
    install("cubes_good", MODULE, cube="cubes_good:Cube")
    assert "cube" in operator_names()
    cls = operator("cube")
    assert issubclass(cls, Operator)
    assert cls.kind == "cube"


def test_names_are_listed_without_loading(install: Install) -> None:
    install("cubes_exploding", "raise SystemError('loaded')", cube="cubes_exploding:Cube")
    assert "cube" in operator_names()
    assert "conv" in operator_names()
    assert operator("conv").kind == "conv"


def test_a_package_that_cannot_be_imported(install: Install) -> None:
    install("cubes_broken", "import no_such_module_anywhere", cube="cubes_broken:Cube")
    message, note = refusal("cube")
    assert message == "operator `cube` cannot be loaded"
    assert note.startswith("package cubes_broken, entry point `cube = cubes_broken:Cube`: ModuleN")


@pytest.mark.parametrize("text", ["", "raise RuntimeError"])
def test_other_ways_to_be_broken(install: Install, text: str) -> None:
    package = "cubes_empty" if not text else "cubes_raising"
    install(package, text, cube=f"{package}:Cube")
    assert "cannot be loaded" in refusal("cube")[0]


def test_something_that_is_no_operator(install: Install) -> None:
    install("cubes_number", MODULE, cube="cubes_number:NUMBER")
    message, note = refusal("cube")
    assert message == "`cube` is registered, but is no operator"
    assert "package cubes_number" in note


def test_another_name_than_its_own(install: Install) -> None:
    install("cubes_misnamed", MODULE, cube="cubes_misnamed:Fourth")
    assert refusal("cube")[0] == "the operator registered as `cube` calls itself `fourth_power`"


def test_two_packages_of_one_name(install: Install) -> None:
    install("cubes_one", MODULE, cube="cubes_one:Cube")
    install("cubes_two", MODULE, cube="cubes_two:Cube")
    message, note = refusal("cube")
    assert message == "two packages register the operator `cube`"
    assert "cubes_one:Cube" in note
    assert "cubes_two:Cube" in note


def test_a_built_in_name_is_not_given_away(install: Install) -> None:
    install("convs", MODULE.replace('"cube"', '"conv"'), conv="convs:Cube")
    assert operator("conv") is operators()["conv"]
