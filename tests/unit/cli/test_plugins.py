"""pydantic is imported without looking for plugins, and is the same pydantic."""

from __future__ import annotations

import os
import subprocess
import sys


def said(code: str, **environment: str) -> str:
    """What a process of its own prints."""
    clean = {k: v for k, v in os.environ.items() if k != "PYDANTIC_DISABLE_PLUGINS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


BUILD = """
import os, sys
from archcompiler.cli.program import run
out = os.dup(1)
run(["build", "attention56_cifar", "-o", "-"])
found = "importlib.metadata" in sys.modules, "pydantic" in sys.modules
os.write(out, repr(found).encode())
"""


def test_a_build_looks_for_none() -> None:
    assert said(BUILD).splitlines()[-1] == "(False, True)"


def test_somebody_who_wants_plugins_has_them() -> None:
    assert said(BUILD, PYDANTIC_DISABLE_PLUGINS="").splitlines()[-1] == "(True, True)"


def test_whatever_else_is_wanted_of_the_loader_is_there() -> None:
    code = """
import sys
from archcompiler.cli import plugins
plugins.leave_out()
from pydantic.plugin._loader import get_plugins, _plugins
from pydantic.plugin import _loader
print(list(get_plugins()), _plugins, type(sys.modules["pydantic.plugin._loader"]).__name__)
"""
    assert said(code) == "[] None module"
