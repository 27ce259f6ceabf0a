"""What is installed from a wheel finds its specs and recipes as a checkout does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from archcompiler import shipped
from archcompiler.runner.recipe.schema import RECIPE_SCHEMA_FILE
from archcompiler.search.schema import SPACE_SCHEMA_FILE
from archcompiler.spec.schema import SCHEMA_FILE
from archcompiler.study.schema import STUDY_SCHEMA_FILE

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "archcompiler", *arguments],
        cwd=installed.parent,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_wheel_has_what_a_checkout_has(installed: Path) -> None:
    inside = {path.relative_to(ROOT) for path in shipped.SPECS.rglob("*") if path.is_file()}
    home = installed / "archcompiler" / "shipped"
    assert all((home / path).read_bytes() == (ROOT / path).read_bytes() for path in inside)
    # Specs, recipes, spaces and studies point at these from where they are.
    for schema in (SCHEMA_FILE, RECIPE_SCHEMA_FILE, SPACE_SCHEMA_FILE, STUDY_SCHEMA_FILE):
        assert (home / schema).read_bytes() == (ROOT / schema).read_bytes()


def test_an_installed_package_finds_them(installed: Path) -> None:
    entries = json.loads(run(installed, "list", "--format", "json"))
    assert [entry["name"] for entry in entries["specs"]] == list(shipped.specs())
    assert [entry["name"] for entry in entries["recipes"]] == list(shipped.recipes())
    assert [entry["name"] for entry in entries["spaces"]] == list(shipped.spaces())
    assert [entry["name"] for entry in entries["studies"]] == list(shipped.studies())
    assert all(Path(e["path"]).is_relative_to(installed) for e in entries["specs"])
    run(installed, "build", "attention56_cifar", "-o", "out")
    built = (installed.parent / "out" / "attention56_cifar.py").read_text(encoding="utf-8")
    assert (
        built.splitlines()[4:]
        == (
            (ROOT / "generated" / "attention56_cifar.py")
            .read_text(encoding="utf-8")
            .splitlines()[4:]
        )
    )
