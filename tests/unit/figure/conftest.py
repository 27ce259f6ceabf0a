from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archcompiler
from archcompiler import CompiledNetwork

SPECS = Path(__file__).parents[3] / "specs"
HOSTILE = "</script><script>alert(1)</script><b onload='x'>&amp;\"\\ $\\input{x}$ %_^~{}<!-- ]]>"
"""Free text of a spec that would be markup or code in one format or another."""


@pytest.fixture(scope="session")
def attention56() -> CompiledNetwork:
    return archcompiler.compile(SPECS / "attention56.toml")


@pytest.fixture(scope="session")
def attention452() -> CompiledNetwork:
    return archcompiler.compile(SPECS / "attention452.toml")


@pytest.fixture(scope="session")
def make() -> Callable[..., CompiledNetwork]:
    """A small network with some values of its spec changed."""

    def compile(**changes: Any) -> CompiledNetwork:
        spec = {
            "name": "tiny",
            "input": [3, 32, 32],
            "classes": 10,
            "stem": {"type": "conv"},
            "stages": [{"channels": 64, "modules": 1, "depth": 2}],
        }
        return archcompiler.compile(spec | changes)

    return compile


@pytest.fixture(scope="session")
def hostile(make: Callable[..., CompiledNetwork]) -> CompiledNetwork:
    return make(title=HOSTILE, description=HOSTILE)
