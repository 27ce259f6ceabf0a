"""Which parts of a network are compiled, and how often."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny import tiny_spec
from torch import nn
from torch._dynamo.testing import CompileCounter

import archcompiler
from archcompiler.runner.engine.compiling import amount, compile_module, repeats_much
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.system import hardware
from archcompiler.runner.system.hardware import settle

STAGE = {"channels": 32, "modules": 3, "after": 4, "depth": 1}


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # Dynamo looks at it
def test_each_distinct_block_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = archcompiler.compile(tiny_spec(STAGE, input=[3, 8, 8], attention={"t": 1}))
    counter = CompileCounter()
    compile = nn.Module.compile

    def counted(self: nn.Module, mode: str | None = None, **options: Any) -> None:
        assert mode is None
        compile(self, backend=counter, **options)

    monkeypatch.setattr(nn.Module, "compile", counted)
    torch.compiler.reset()
    module, x = network.module().train(), torch.randn(2, *network.spec.input)
    expected = module(x)
    found = settle(load_recipe("smoke", ["speed.compile=blocks"]), torch.device("cpu"))
    compile_module(module, network.graph, None, found)
    torch.testing.assert_close(module(x), expected)
    # Stem, first unit, attention module, the units after them, head.
    assert counter.frame_count == 5
    torch.compiler.reset()


def test_what_repeats_much_is_compiled_block_by_block() -> None:
    graph = archcompiler.compile("attention452").graph
    assert repeats_much(graph)
    assert amount(graph, "blocks") == "737 of 4,082 operators, each distinct block once"
    assert amount(graph, "on") == "4,082 operators"
    assert not repeats_much(archcompiler.compile("attention56").graph)


@pytest.mark.parametrize(("much", "compiled"), [(True, "blocks"), (False, "on")])
def test_auto_on_cuda(
    monkeypatch: pytest.MonkeyPatch, switches: None, much: bool, compiled: str
) -> None:
    monkeypatch.setattr(hardware, "has_triton", lambda: True)
    monkeypatch.setattr(hardware, "computes_bfloat16", lambda device: True)
    loaded, device = load_recipe("smoke", ["speed.compile=auto"]), torch.device("cuda")
    assert settle(loaded, device, repeats_much=much).compiled == compiled
    assert settle(loaded, torch.device("cpu"), repeats_much=much).compiled == "off"
