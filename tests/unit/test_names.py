"""No name of a spec may take the place of a name that the emitted file uses."""

from __future__ import annotations

import ast
import builtins
from typing import Any

import pytest

import archcompiler

SPEC: dict[str, Any] = {
    "name": "net",
    "input": [3, 32, 32],
    "classes": 10,
    "stem": {"type": "conv_pool"},
    "stages": [
        {"channels": 64, "modules": 1, "depth": 1},
        {
            "channels": 64,
            "modules": 1,
            "depth": 1,
            "unit": {"type": "inception", "branch1": 2},
            "attention": {"mask": {"structure": "local", "unit": "bottleneck"}},
        },
        {"channels": 64, "unit": {"type": "inception", "branch1": 4}},
    ],
}
"""A network that needs about every helper of an emitted file."""


def names_used(source: str) -> set[str]:
    """Every global name that the file binds or reads."""
    found = {"annotations"}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names) | ast.ImportFrom(names=names):
                found |= {(name.asname or name.name).split(".")[0] for name in names}
            case ast.Name(id, ast.Load()) if hasattr(builtins, id):
                found.add(id)
    found |= {
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    return found - {"annotations", "net", "Net", "NetConfig"}


USED = sorted(names_used(archcompiler.compile(SPEC).source))


def test_the_names_are_found() -> None:
    assert {"torch", "row", "partial", "zip", "F", "Stage", "InceptionUnit"} <= set(USED)


@pytest.mark.parametrize("name", USED)
def test_a_name_in_use_is_refused(name: str) -> None:
    key = "name" if name[0].islower() else "class_name"
    (found,) = archcompiler.check({**SPEC, key: name})
    assert found.code == "E205"
    assert found.span is not None
    assert found.span.text.strip('"') == name


@pytest.mark.parametrize("name", ["stage", "tensor", "none", "bottleneck", "f", "my_hourglass"])
def test_a_class_name_made_from_a_name_is_refused(name: str) -> None:
    (found,) = archcompiler.check({**SPEC, "name": name})
    assert found.code == "E205"
    assert found.help is not None
    assert not archcompiler.check({**SPEC, "name": name, "class_name": "Net"})
