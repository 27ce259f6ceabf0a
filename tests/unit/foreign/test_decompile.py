"""Specs of other implementations: isomorphic to them, short, and refused where none can be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from restated import resnet
from tiny import tiny_spec
from torch import nn

from archcompiler.cli.program import group
from archcompiler.compiler import CompiledNetwork, compile
from archcompiler.diagnostics import CompileError, Source, Span
from archcompiler.foreign.canonical import canonical
from archcompiler.foreign.decompile.decompiling import Decompiled
from archcompiler.foreign.decompile.source import decompile, name_of
from archcompiler.foreign.loading import Implementation
from archcompiler.ir import TensorType
from archcompiler.verify.comparing import dataflow
from archcompiler.verify.isomorphism import isomorphism

SPEC = tiny_spec(
    {"channels": 32, "modules": 1, "depth": 2},
    {"channels": 64, "stride": 2},
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def theirs(module: nn.Module, said: str = "model.py:Net") -> Implementation:
    return Implementation(said, Span(Source("<module>", said, "toml"), 0, len(said)), module.eval())


def found(module: nn.Module, *input: int) -> Decompiled:
    """The spec of a module, whose text is read again and is proved by networkx to be it."""
    made = decompile(theirs(module), TensorType(*input))
    again = compile(Source("made.toml", made.text, "toml"))
    view = theirs(module).traced(TensorType(*input))
    assert isomorphism(canonical(dataflow(again.graph)), canonical(view)) is not None
    return made


def emitted(network: CompiledNetwork) -> nn.Module:
    with torch.device("meta"):
        return network.module()


def test_resnet50_is_told_as_it_is_shipped() -> None:
    with torch.device("meta"):
        module = resnet.resnet50()
    made = found(module, 3, 224, 224)
    assert made.values["unit"] == "bottleneck"
    assert made.values["stem"]["type"] == "conv_pool"
    assert made.values["stages"] == [
        {"channels": 256, "before": 3},
        {"channels": 512, "stride": 2, "before": 4},
        {"channels": 1024, "stride": 2, "before": 6},
        {"channels": 2048, "stride": 2, "before": 3},
    ]
    assert made.blocks == ()


SAID_TWICE = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.fc = nn.Linear(3, 4)
    def forward(self, x):
        x = self.conv(x)
        x = {odd}
        return self.fc(x.mean((2, 3)))
"""
UNSAYABLE = {
    "torch.special.bessel_j0(x)": ("E907", "model.py:11", "bessel_j0"),
    "self.conv(x)": ("E907", "model.py:11", "which `conv` has too"),
    "x + x.sum()": ("E907", "model.py:11", ""),
    "x if x.sum() > 0 else -x": ("E901", "", "cannot be traced"),
}


@pytest.mark.parametrize("odd", UNSAYABLE)
def test_what_no_spec_can_say_is_told_at_its_line(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(SAID_TWICE.format(odd=odd), encoding="utf-8")
    result = run("model.py:Net", "--input", "3,8,8", "-o", "net.toml")
    code, place, why = UNSAYABLE[odd]
    assert isinstance(result.exception, CompileError)  # which the program reports, and exits with 2
    text = str(result.exception)
    assert text.count("error[") == 1
    assert f"error[{code}]" in text
    assert place in text
    assert why in text
    assert not Path("net.toml").exists()


def run(*words: str) -> Result:
    return CliRunner().invoke(group, ["decompile", *words])


def test_the_command_writes_what_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(compile(SPEC).source, encoding="utf-8")
    result = run("model.py:tiny", "--input", "3,32,32", "-o", "again.toml", "--name", "again")
    assert result.exit_code == 0, result.output
    network = compile(Path("again.toml"))
    assert network.name == "again"
    assert isomorphism(dataflow(network.graph), dataflow(compile(SPEC).graph)) is not None
    printed = run("model.py:tiny", "--input", "3,32,32", "--name", "again")
    assert printed.stdout == Path("again.toml").read_text(encoding="utf-8")
    assert "with no block of its own" in printed.stderr
    assert run("model.py:tiny", "--name", "List").exit_code == 2
    assert run("model.py:tiny", "--name", "list").exit_code == 2


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("model.py:ResNet50", "res_net50"),
        ("a/b.py:resnet50", "resnet50"),
        ("a/My-Net.onnx", "my_net"),
        ("model.py:List", "list_network"),
        ("2.pt2", "network_2"),
    ],
)
def test_names(said: str, name: str) -> None:
    assert name_of(said) == name
