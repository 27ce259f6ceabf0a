"""What pyproject.toml says of versions is what the constraints install."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def bounds() -> dict[str, str]:
    """The lower bounds of the package and of its tests, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    return dict(requirement.split(">=") for requirement in stated)


def pinned(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(line.split("==") for line in re.findall(r"^[^#\n]+$", text, re.MULTILINE))


def version(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)]


def test_the_oldest_versions_are_the_bounds() -> None:
    # Of torch the oldest that could be tried is newer than what is allowed.
    oldest, stated = pinned("constraints-oldest.txt"), bounds()
    assert version(oldest.pop("torch")) >= version(stated.pop("torch"))
    assert oldest == stated


@pytest.mark.parametrize("name", bounds())
def test_the_versions_of_the_readme_are_allowed(name: str) -> None:
    newest = {
        key.lower().replace("_", "-"): text for key, text in pinned("constraints.txt").items()
    }
    assert version(newest[name]) >= version(bounds()[name])


def test_it_can_be_cited() -> None:
    """A `CITATION.cff` of the format's schema, for this version."""
    import archcompiler

    path = ROOT / "CITATION.cff"
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [program, "--builtin-schema", "vendor.citation-file-format", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["version"] == archcompiler.__version__
