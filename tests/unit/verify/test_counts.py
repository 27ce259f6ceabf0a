"""The gate: what fvcore and torch count is what the graph says, and a difference has a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from shipped import DISTINCT
from strategies import small_specs
from tiny import tiny_spec
from torch import nn

import archcompiler
from archcompiler.compiler import at_size
from archcompiler.verify.counts import Counts, count, verify_counts

TINY = tiny_spec(
    {"channels": 16, "modules": 1, "depth": 1}, {"channels": 32, "stride": 2}, input=[3, 16, 16]
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("spec", DISTINCT, ids=lambda spec: spec.stem)
def test_shipped(spec: Path) -> None:
    counts = verify_counts(archcompiler.compile(spec))
    assert counts.holds, str(counts)


def test_attention_56_is_what_fvcore_counts() -> None:
    counts = verify_counts(archcompiler.compile("specs/attention56.toml"))
    assert counts.holds, str(counts)
    assert counts.flop_counter == 2 * 6_270_836_736


@given(small_specs())
@settings(max_examples=8)
def test_drawn(spec: dict[str, Any]) -> None:
    counts = verify_counts(archcompiler.compile(spec))
    assert counts.holds, str(counts)


def test_another_size() -> None:
    network = archcompiler.compile(TINY)
    counts = verify_counts(network, at_size(network, 20, 31))
    assert counts.holds, str(counts)
    assert counts.fvcore[""] > verify_counts(network).fvcore[""]


def broken(change: Any) -> Counts:
    network = archcompiler.compile(TINY)
    module = network.module()
    change(module)
    counts = count(network.graph, module)
    assert not counts.holds
    return counts


def test_another_kernel_is_named() -> None:
    def change(module: Any) -> None:
        module.stage2.before.unit1.conv2 = nn.Conv2d(8, 8, 5, 2, padding=2, bias=False)

    differences = broken(change).differences
    assert differences[0].startswith("stage2.before.unit1.conv2 has 1,600 parameters")
    # 8 × 8 outputs of 8 channels, each of 8 channels under a kernel of 5 × 5, for one of 3 × 3.
    theirs, ours = 8 * 8 * 8 * 8 * 25, 8 * 8 * 8 * 8 * 9
    where = "in stage2.before.unit1.conv2, the graph"
    assert f"fvcore counts {theirs:,} {where} {ours:,}" in differences
    assert f"torch's FlopCounterMode counts {2 * theirs:,} {where} {2 * ours:,}" in differences


def test_an_uncalled_module_is_named() -> None:
    def change(module: Any) -> None:
        module.stage1.before.unit1.project = nn.Conv2d(16, 16, 1, bias=False)
        module.stage1.before.unit1.forward = lambda x: x

    assert any("is never called" in d for d in broken(change).differences)


def test_dead_parameters_are_named() -> None:
    def change(module: Any) -> None:
        module.stage1.spare = nn.Identity()
        module.stage1.spare.weight = nn.Parameter(torch.zeros(7))

    message = "stage1.spare has 7 parameters, and the graph has no such operator"
    assert message in broken(change).differences


def test_an_operator_that_fvcore_does_not_know_is_named() -> None:
    class Sine(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sin(x)

    def change(module: Any) -> None:
        module.head.dropout = Sine()

    message = "fvcore has no rule for aten::sin, and it is not on the list of those"
    assert broken(change).differences == (message,)


def test_nothing_that_torch_counts_is_a_difference() -> None:
    class Uncounted(nn.Module):
        """Of the parameters and the shape of a convolution."""

        def __init__(self, like: nn.Conv2d) -> None:
            super().__init__()
            self.weight = like.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :1].repeat(1, len(self.weight), 1, 1)

    spec = tiny_spec(
        {"channels": 16, "unit": "acting"},
        blocks={"acting": {"steps": {"act": {"op": "act"}}}},
        stem={"type": "conv", "channels": 16},
        head={"type": "none"},
    )
    network = archcompiler.compile(spec)
    module: Any = network.module()
    module.stem.conv = Uncounted(module.stem.conv)
    assert not [m for m in module.modules() if isinstance(m, nn.Conv2d)]
    macs = 2 * 27 * 16 * 32 * 32
    said = f"torch's FlopCounterMode counts 0 in the network, the graph {macs:,}"
    assert said in count(network.graph, module).differences


def test_a_unit_left_out_is_named() -> None:
    def change(module: Any) -> None:
        module.stage1.attention1.trunk.unit2 = nn.Identity()

    differences = broken(change).differences
    assert differences[0].startswith("stage1.attention1.trunk.unit2.norm1 has 0 parameters")
    assert any(
        d.startswith("fvcore counts 0 in stage1.attention1.trunk.unit2") for d in differences
    )
