"""Convolutions that PyTorch crashes in, on a CPU with channels last, and what keeps from it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from tiny import tiny_spec

import archcompiler
from archcompiler.analysis.channels_last import is_narrow, narrow_strided
from archcompiler.diagnostics import CompileError
from archcompiler.ops.conv import Conv
from archcompiler.runner.engine.preparing import hardware_for
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.system.hardware import settle
from archcompiler.runner.system.place import ALONE

BARE = {"stem": "none", "head": {"norm": False}}


def network(**conv: Any) -> archcompiler.CompiledNetwork:
    """One that is a convolution of the image, a batch norm and a head."""
    steps = {"conv": {"op": "conv", "channels": "c", "stride": "stride", **conv}}
    steps["norm"] = {"op": "norm"}
    stage = {"channels": 48, "stride": 2, "unit": "own"}
    return archcompiler.compile(tiny_spec(stage, blocks={"own": {"steps": steps}}, **BARE))


@pytest.mark.parametrize(
    ("conv", "narrow"),
    [
        ({"kernel": 1, "stride": 2}, True),
        ({"kernel": 1, "stride": (2, 1)}, True),
        ({"kernel": 1}, False),
        ({"kernel": 3, "stride": 2}, False),
        ({"kernel": (1, 3), "stride": 2}, False),
        ({"kernel": 1, "stride": 2, "padding": 1}, False),
        ({"kernel": 1, "stride": 2, "groups": 3}, False),
    ],
)
def test_which_convolutions_are_narrow(conv: dict[str, Any], narrow: bool) -> None:
    assert is_narrow(Conv(3, 48, **conv)) == narrow


def test_of_a_projection_it_is_the_channels_that_tell() -> None:
    for channels, narrow in ((8, True), (15, True), (16, False)):
        stages = [{"channels": channels}, {"channels": 32, "stride": 2}]
        spec = tiny_spec(*stages, unit="basic", stem={"type": "conv", "channels": channels})
        assert narrow_strided(archcompiler.compile(spec).graph) == narrow
    volume = tiny_spec({"channels": 32, "stride": 2}, unit="basic", stem="none", input=[1, 8, 8, 8])
    assert not narrow_strided(archcompiler.compile(volume).graph)


def orders(found: archcompiler.CompiledNetwork, **options: bool) -> bool:
    """Whether a model of the network, given channels last, has them so inside."""
    model = found.module(**options).to("meta")
    seen = []
    stage = next(iter(model.stage1.modules()))
    stage.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.empty(2, *found.spec.input, device="meta")
    model(x.to(memory_format=torch.channels_last))
    return bool(seen[0].is_contiguous(memory_format=torch.channels_last))


def test_an_emitted_model_has_the_plain_order() -> None:
    assert not orders(network(kernel=1))
    assert orders(network(kernel=1), channels_last=True)
    assert orders(network(kernel=3))


def test_a_run_on_a_cpu_has_the_plain_order() -> None:
    cpu = torch.device("cpu")
    assert not settle(load_recipe("smoke"), cpu, narrow=True).channels_last
    assert settle(load_recipe("smoke"), cpu).channels_last
    assert settle(load_recipe("smoke"), torch.device("meta"), narrow=True).channels_last
    asks = load_recipe("smoke", ("device=cpu",))
    assert not hardware_for(network(kernel=1), asks, ALONE, "ddp").channels_last
    assert hardware_for(network(kernel=3), asks, ALONE, "ddp").channels_last
    asked = load_recipe("smoke", ("speed.channels_last=on",))
    with pytest.raises(CompileError, match=r"E707.*a CPU crashes with channels last"):
        settle(asked, cpu, narrow=True)


TRAIN = """
import torch, archcompiler
model = archcompiler.compile("repvgg_a0").module()
torch.set_num_threads(1)
for _ in range(3):
    model(torch.randn(2, 3, 224, 224)).sum().backward()
"""


def test_a_step_does_not_end_the_process() -> None:
    assert subprocess.run([sys.executable, "-c", TRAIN], capture_output=True).returncode == 0
