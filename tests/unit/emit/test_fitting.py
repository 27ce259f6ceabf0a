"""What a framework cannot print is told at its place in the spec, before anything is written."""

from __future__ import annotations

import symtable
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from tiny import tiny_spec, tiny_toml

import archcompiler
from archcompiler.backends.backend import backend
from archcompiler.backends.jax.table import records
from archcompiler.backends.record import Helper, helpers
from archcompiler.backends.torch import TorchOp
from archcompiler.cli.program import group
from archcompiler.diagnostics import CompileError
from archcompiler.ops import registry
from archcompiler.ops.activation import KeepsInput
from archcompiler.spec.names import EMITTED

JAX = backend("jax")
STAGE = {"channels": 16, "modules": 1, "depth": 1}


def printed(op: Any, x: Sequence[str], dims: int) -> str:
    return f"torch.square({x[0]})"


class Square(KeepsInput):
    """Of another package, which has heard of PyTorch alone."""

    kind: ClassVar[str] = "square"
    backends: ClassVar[Mapping[str, object]] = {"torch": TorchOp(call=printed)}


def test_an_operator_without_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("square", f"{__name__}:Square", registry.GROUP)
    monkeypatch.setattr(registry, "_outside", lambda: {"square": (point,)})
    # Twice, which is one fault.
    conv = {"op": "conv", "channels": "c", "kernel": 1}
    steps = {"act": {"op": "square"}, "conv": conv, "act2": {"op": "square"}}
    spec = tiny_spec(STAGE, attention={"mask": "own"}, blocks={"own": {"steps": steps}})
    network = archcompiler.compile(spec)
    assert "torch.square(" in network.source
    with pytest.raises(CompileError) as caught:
        network.for_backend("jax")
    (found,) = caught.value.diagnostics
    assert found.code == "E315"
    assert found.message == "operator `square` does not say how JAX has it"
    assert found.help == 'its class needs `backends = {"jax": JaxOp(…)}`'
    assert found.span is not None
    assert found.span.source.text[found.span.start : found.span.end] == '"square"'


@pytest.mark.parametrize(
    ("changes", "name", "place"),
    [
        ({"name": "max_pool"}, "max_pool", '"max_pool"'),
        ({"name": "nnx"}, "nnx", '"nnx"'),
        ({"class_name": "Conv"}, "Conv", '"Conv"'),
        ({"name": "linear"}, "Linear", '"linear"'),
    ],
)
def test_a_name_that_the_file_uses(changes: dict[str, Any], name: str, place: str) -> None:
    network = archcompiler.compile(tiny_spec(**changes))
    with pytest.raises(CompileError) as caught:
        network.for_backend("jax")
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == (
        "E205",
        f"`{name}` is used by emitted files for JAX themselves",
    )
    assert found.span is not None
    assert found.span.source.text[found.span.start : found.span.end] == place


@pytest.mark.parametrize(
    ("block", "own", "name", "place"),
    [
        ("own", {"class_name": "BatchNorm"}, "BatchNorm", '"BatchNorm"'),
        ("array", {}, "Array", '"array"'),
    ],
)
def test_a_block_whose_class_the_file_uses(
    block: str, own: dict[str, str], name: str, place: str
) -> None:
    table = {**own, "steps": {"act": {"op": "sigmoid"}}}
    network = archcompiler.compile(
        tiny_spec(STAGE, attention={"mask": block}, blocks={block: table})
    )
    with pytest.raises(CompileError) as caught:
        network.for_backend("jax")
    (found,) = caught.value.diagnostics
    assert (found.code, found.message.partition(" ")[0]) == ("E205", f"`{name}`")
    assert found.span is not None
    assert found.span.source.text[found.span.start : found.span.end].startswith(place)


@pytest.mark.parametrize(
    ("block", "name"),
    [
        ({"steps": {"sow": {"op": "sigmoid"}}}, "sow"),
        (
            {
                "options": {"nnx": {"type": "int", "default": 3}},
                "steps": {"conv": {"op": "conv", "channels": "c", "kernel": "nnx"}},
            },
            "nnx",
        ),
        (
            {
                "let": {"flatten": "c / 2"},
                "steps": {
                    "conv1": {"op": "conv", "channels": "flatten", "kernel": 1},
                    "conv2": {"op": "conv", "channels": "c", "kernel": 1},
                },
            },
            "flatten",
        ),
    ],
)
def test_a_name_inside_a_block(block: dict[str, Any], name: str) -> None:
    spec = tiny_spec(STAGE, attention={"mask": "own"}, blocks={"own": block})
    with pytest.raises(CompileError) as caught:
        archcompiler.compile(spec).for_backend("jax")
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == (
        "E205",
        f"JAX has a use of its own for the name `{name}`",
    )
    assert found.span is not None
    assert found.span.source.text[found.span.start : found.span.end] == f'"{name}"'


def test_the_names_are_those_that_files_use() -> None:
    network = archcompiler.compile(tiny_spec(STAGE, head={"dropout": 0.5})).for_backend("jax")
    table = symtable.symtable(network.source, "net.py", "exec")
    own = {"Tiny", "TinyConfig", "tiny"} | {plan.name for plan in network._view.plans}
    names = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    known = JAX.frame.names | EMITTED | own
    assert {name for name in names if name[:2] != "__"} <= known
    own_helpers = [helper for record in records().values() for helper in helpers(record, 2)]
    needed = [h for helper in own_helpers for h in _all(helper)]
    assert {helper.name for helper in needed} <= JAX.frame.names
    imported = {word for helper in needed for line in helper.imports for word in _names(line)}
    assert imported <= JAX.frame.names | EMITTED


def _all(helper: Helper) -> Iterator[Helper]:
    yield helper
    for other in helper.needs:
        yield from _all(other)


def _names(statement: str) -> list[str]:
    return statement.rpartition("import ")[2].split(", ")


def test_a_file_is_checked_and_written_under_its_name(tmp_path: Path) -> None:
    network = archcompiler.compile(tiny_spec()).for_backend("jax")
    path = network.write(tmp_path)
    assert path == tmp_path / "tiny_jax.py"
    assert " --backend jax\n" in path.read_text(encoding="utf-8")
    assert network.for_backend("torch").path(tmp_path) == tmp_path / "tiny.py"


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["build", "--deploy"], "--deploy"),
        (["build", "--memory", "40%"], "--memory"),
        (["verify", "--deploy"], "--deploy"),
    ],
)
def test_what_is_for_pytorch_alone(arguments: list[str], option: str) -> None:
    done = CliRunner().invoke(group, [*arguments, "attention56", "--backend", "jax"])
    assert done.exit_code == 2
    assert f"{option} is for PyTorch alone, and --backend is jax" in done.output


def test_the_command_builds_and_checks(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(tiny_toml(), encoding="utf-8")
    arguments = ["build", str(tmp_path / "tiny.toml"), "--backend", "jax", "-o", str(tmp_path)]
    written = CliRunner().invoke(group, arguments)
    assert "tiny_jax.py  created" in written.output
    assert CliRunner().invoke(group, [*arguments, "--check"]).exit_code == 0
    # Beside the file for PyTorch, which is another.
    assert CliRunner().invoke(group, [*arguments[:2], *arguments[4:], "--check"]).exit_code == 1
