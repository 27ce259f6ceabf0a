"""Commands look for no plugins of pydantic, and import nothing that would look for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

VARIABLE = "PYDANTIC_DISABLE_PLUGINS"
CODE = """
import sys
from archcompiler.cli.program import run
code = run(["check", "attention56_cifar"])
looks = "importlib.metadata" in sys.modules
from pydantic.plugin import _loader
from pydantic.plugin._loader import _plugins, get_plugins  # one of which the real one alone has
with open("said", "w") as file:
    print(code, looks, type(_loader).__name__, *get_plugins(), file=file)
"""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "0 False _NoPlugins"),
        ({VARIABLE: "__all__"}, "0 False _NoPlugins"),
        ({VARIABLE: "logfire-plugin"}, "0 True module"),
    ],
    ids=["as usual", "in a process of ours", "where the variable says which"],
)
def test_no_plugins(given: dict[str, str], said: str, tmp_path: Path) -> None:
    usual = {name: value for name, value in os.environ.items() if name != VARIABLE}
    subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, env=usual | given, check=True)
    assert (tmp_path / "said").read_text().strip() == said
