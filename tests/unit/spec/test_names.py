"""The names that are refused are those that emitted files use: read off the files themselves."""

import ast
import builtins
import symtable
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

import archcompiler
from archcompiler.spec.names import EMITTED, class_name, taken
from archcompiler.units import unit_types

GENERATED = sorted((Path(__file__).parents[3] / "generated").glob("*.py"))


def compile(name: str = "net", **changes: object) -> archcompiler.CompiledNetwork:
    spec = {
        "name": name,
        "input": [3, 32, 32],
        "classes": 10,
        "stem": {"type": "conv"},
        "stages": [{"channels": 64, "modules": 1, "depth": 1}],
    }
    return archcompiler.compile(spec | changes)


def emitted() -> Iterator[tuple[set[str], str]]:
    """The names that a spec gives, and a source: shipped ones, and one with every unit and mask."""
    for path in GENERATED:
        source = path.read_text(encoding="utf-8")
        (names,) = (
            node.value
            for node in ast.parse(source).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        )
        yield set(ast.literal_eval(names)), source
    masks = product(("mixed", "channel", "spatial"), ("encoder_decoder", "local"))
    stages = [
        {
            "channels": 64,
            "modules": 1,
            "after": 1,
            "depth": 1,
            "unit": unit,
            "attention": {"learning": learning, "mask": {"activation": a, "structure": s}},
        }
        for a, s in masks
        for unit, learning in zip(unit_types(), ("naive", "residual") * 2, strict=False)
    ]
    for first in (stages, stages[::-1]):
        network = compile(stages=first, head={"dropout": 0.5}, norm={"eps": 1e-3})
        yield {"Net", "NetConfig", "net"}, network.source


def global_names(table: symtable.SymbolTable) -> Iterator[str]:
    """What a module defines at the top, and what its functions and classes read from there."""
    for symbol in table.get_symbols():
        if table.get_type() == "module" or symbol.is_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from global_names(child)


def test_every_name_that_an_emitted_file_uses_is_taken() -> None:
    free: set[str] = set()
    for own, source in emitted():
        used = set(global_names(symtable.symtable(source, "net.py", "exec")))
        free |= {name for name in used - own if taken(name) is None and name[:2] != "__"}
    assert free == set()


def test_every_name_said_to_be_used_is_used() -> None:
    sources = [source for _, source in emitted()]
    unused = {name for name in EMITTED if not any(name in source for source in sources)}
    assert unused == set()


@pytest.mark.parametrize(
    "name",
    [
        *("class", "match", "print", "isinstance", "super", "torch", "row", "checkpoint"),
        *("typing", "stage", "f", "tensor", "none", "true", "hourglass"),
    ],
)
def test_a_name_that_is_taken(name: str) -> None:
    with pytest.raises(archcompiler.CompileError, match=r"error\[E205\]"):
        compile(name)


@pytest.mark.parametrize(
    "name",
    ["Stage", "F", "Tensor", "None", "ValueError", "MixedHourglass", "AttentionModule"]
    + [unit.class_name for unit in unit_types().values()],
)
def test_a_class_name_that_is_taken(name: str) -> None:
    with pytest.raises(archcompiler.CompileError, match=f"a class cannot be called `{name}`"):
        compile(class_name=name)


def test_a_class_whose_configuration_would_take_the_name_of_a_unit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("archcompiler.spec.names.EMITTED", EMITTED | {"NetConfig"})
    with pytest.raises(archcompiler.CompileError, match="`Net`"):
        compile()


@pytest.mark.parametrize("name", ["stage", "tensor", "none"])
def test_a_class_name_of_its_own_frees_the_name(name: str) -> None:
    assert compile(name, class_name="Mine").spec.name == name


@pytest.mark.parametrize(
    ("name", "expected"), [("net", "Net"), ("a_b__c", "ABC"), ("resnet50_x", "Resnet50X")]
)
def test_the_class_is_the_name_in_capwords(name: str, expected: str) -> None:
    assert class_name(compile(name).spec) == expected


@pytest.mark.parametrize(
    "name", ["", "9a", "a-b", "Net", "é", "a\u0661", "a\n", "a b", "a" * 65, "_a"]
)
def test_a_name_that_is_no_identifier(name: str) -> None:
    found = archcompiler.check({"name": name})
    (code,) = {d.code for d in found} - {"E202"}
    assert code == ("E204" if len(name) > 64 else "E205")


def test_no_builtin_is_free() -> None:
    assert [name for name in dir(builtins) if taken(name) is None] == []
