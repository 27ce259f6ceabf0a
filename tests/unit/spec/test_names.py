"""The names that are refused are those that emitted files use: read off the files themselves."""

import ast
import builtins
import re
import symtable
from collections.abc import Iterator
from itertools import product

import pytest
from shipped import ROOT, SPECS

import archcompiler
from archcompiler.backends.record import helpers
from archcompiler.backends.torch import torch_op
from archcompiler.language.definition import Definition
from archcompiler.language.library import HOMES, Library
from archcompiler.ops.registry import operators
from archcompiler.spec.loader import load
from archcompiler.spec.names import EMITTED, class_name, taken
from archcompiler.spec.resolved import used

UNITS = [name for name in Library().names("blocks", "unit") if name not in ("dense", "transition")]
"""Those that fit a stage which keeps its channels."""


def compile(name: str = "net", **changes: object) -> archcompiler.CompiledNetwork:
    spec = {
        "name": name,
        "input": [3, 32, 32],
        "classes": 10,
        "stem": {"type": "conv"},
        "stages": [{"channels": 64, "modules": 1, "depth": 1}],
    }
    return archcompiler.compile(spec | changes)


def emitted() -> Iterator[tuple[set[str], str, list[Definition]]]:
    """The names that a spec gives, a source, and the blocks in it: of the shipped specs, and of
    one with every unit and mask.
    """
    for path in SPECS:
        loaded = load(path)
        source = (ROOT / "generated" / f"{loaded.spec.name}.py").read_text(encoding="utf-8")
        (names,) = (
            node.value
            for node in ast.parse(source).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        )
        found = [loaded.library.find(n, home) for home, n in used(loaded.spec, loaded.library)]
        yield set(ast.literal_eval(names)), source, [block for block in found if block is not None]
    masks = product(("mixed", "channel", "spatial"), ("hourglass", "local"))
    stages = [
        {
            "channels": 64,
            "modules": 1,
            "after": 1,
            "depth": 1,
            "unit": unit,
            "attention": {"learning": learning, "mask": {"activation": a, "type": m}},
        }
        for a, m in masks
        for unit, learning in zip(UNITS, ("naive", "residual") * 2, strict=False)
    ]
    for first in (stages, stages[::-1]):
        network = compile(stages=first, head={"dropout": 0.5}, norm={"eps": 1e-3})
        for form in (network, network.recomputing(0.5)):
            yield {"Net", "NetConfig", "net"}, form.source, blocks()
        deployed = {"NetDeploy", "NetDeployConfig", "net_deploy"}
        yield deployed, network.deployed.source, blocks()
    merged = compile(stages=[{"channels": 64, "unit": "repvgg"}])
    yield deployed, merged.deployed.source, blocks()


def blocks() -> list[Definition]:
    """Every block of the zoo."""
    library = Library()
    found = []
    for home in HOMES:
        found += [library.find(name, home) for name in library.names(home)]
    return [block for block in found if block is not None]


def global_names(table: symtable.SymbolTable) -> Iterator[str]:
    """What a module defines at the top, and what its functions and classes read from there."""
    for symbol in table.get_symbols():
        if table.get_type() == "module" or symbol.is_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from global_names(child)


def test_every_name_that_an_emitted_file_uses_is_taken() -> None:
    free: set[str] = set()
    for own, source, found in emitted():
        names = set(global_names(symtable.symtable(source, "net.py", "exec"))) - own
        free |= {n for n in names if taken(n, found) is None and n[:2] != "__"}
        # Classes of one block's structures get out of the way.
        several = "|".join(f".*{block.class_name}[0-9]*" for block in found)
        free = {n for n in free if not re.fullmatch(several, n)}
    assert free == set()


def test_every_name_said_to_be_used_is_used() -> None:
    sources = [source for _, source, _ in emitted()]
    unused = {name for name in EMITTED if not any(name in source for source in sources)}
    assert unused == set()


@pytest.mark.parametrize(
    "name",
    [
        *("class", "match", "print", "isinstance", "super", "torch", "row", "checkpoint"),
        *("typing", "stage", "f", "tensor", "none", "true", "hourglass", "drop_path"),
    ],
)
def test_a_name_that_is_taken(name: str) -> None:
    with pytest.raises(archcompiler.CompileError, match=r"error\[E205\]"):
        compile(name)


@pytest.mark.parametrize(
    "name",
    ["Stage", "F", "Tensor", "None", "ValueError", "MaskBranch", "AttentionModule"],
)
def test_a_class_name_that_is_taken(name: str) -> None:
    with pytest.raises(archcompiler.CompileError, match=f"a class cannot be called `{name}`"):
        compile(class_name=name)


def test_a_class_of_one_of_two_structures_gets_out_of_the_way() -> None:
    stage = {"channels": 64, "modules": 1, "depth": 1}
    stages = [
        {**stage, "attention": {"mask": {"activation": activation}}}
        for activation in ("mixed", "channel")
    ]
    source = compile(class_name="ChannelMaskBranch", stages=stages).source
    names = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    assert len(names) == len(set(names))
    assert {"MixedMaskBranch", "ChannelMaskBranch2", "ChannelMaskBranch"} < set(names)


@pytest.mark.parametrize("unit", UNITS)
def test_the_class_of_a_unit_is_taken_where_it_is_used(unit: str) -> None:
    definition = Library().find(unit)
    assert definition is not None
    name = definition.class_name
    with pytest.raises(archcompiler.CompileError, match=f"a class cannot be called `{name}`"):
        compile(class_name=name, unit=unit)
    other = "bottleneck" if unit != "bottleneck" else "resnext"
    assert compile(class_name=name, unit=other).spec.class_name == name


def test_helpers_of_operators_are_taken() -> None:
    records = [torch_op(operator) for operator in operators().values()]
    names = {helper.name for record in records for d in (1, 2) for helper in helpers(record, d)}
    assert "pixel_shuffle" in names
    assert {name for name in names if taken(name) is None} == set()


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
