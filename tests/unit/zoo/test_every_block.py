"""What every block of the zoo promises; a new file there is covered the moment it is written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archcompiler
from archcompiler.analysis.parameters import parameter_count
from archcompiler.compiler import CompiledNetwork
from archcompiler.ir.kinds import UNIT
from archcompiler.language.library import ZOO, Library
from archcompiler.language.use import Use
from archcompiler.verify import verify
from archcompiler.verify.counts import verify_counts

FILES = sorted(ZOO.glob("*/*.toml"))
UNITS = [path.stem for path in FILES if path.parent.name == "units"]
STAGES: list[dict[str, Any]] = [
    {"channels": 64, "modules": 1, "depth": 2, "after": 1},
    {"channels": 128, "stride": 2, "before": 2, "modules": 1, "depth": 1},
]
EVEN: list[dict[str, Any]] = [{**STAGES[0], "channels": 32}, STAGES[1]]
SLOTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "units": lambda name: {
        "unit": name,
        "attention": {"mask": "se"},
        "stages": [*STAGES, {"channels": 128, "stride": 3}],
    },
    "masks": lambda name: {"attention": {"mask": name}},
    "modules": lambda name: {"attention": {"type": name}},
    "stems": lambda name: {"stem": name},
    "heads": lambda name: {"head": name},
    "blocks": lambda name: {},
}
"""What names a block of each folder."""
SPECIAL: dict[str, dict[str, Any]] = {
    "dense": {"stages": [{"channels": 64, "before": 2, "grow": True}]},
    "transition": {
        "unit": "basic",
        "input": [3, 32, 24],
        "stages": [{"channels": 64}, {"channels": 32, "stride": 2, "unit": "transition"}],
    },
    "plain": {"stages": EVEN},
    "convnext": {"stages": EVEN},
    "ghost_module": {"unit": "ghost", "stages": STAGES[:1], "attention": {"mask": "se"}},
    "flat": {"input": [3, 28, 28], "head": {"type": "flat", "width": 64}},
}
"""Networks for what does not go anywhere: it widens, or is for sizes that divide."""


def spec_with(folder: str, name: str) -> dict[str, Any]:
    """A small network with the block in the slot that it is for."""
    return {
        "name": "whole",
        "input": [3, 35, 29],
        "classes": 5,
        "stem": {"type": "conv", "channels": 32},
        "stages": STAGES,
        **SLOTS[folder](name),
        **SPECIAL.get(name, {}),
    }


def network_with(folder: str, name: str) -> CompiledNetwork:
    return archcompiler.compile(spec_with(folder, name))


@pytest.fixture(scope="module", params=FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def path(request: pytest.FixtureRequest) -> Path:
    file: Path = request.param
    return file


@pytest.fixture(scope="module")
def network(path: Path) -> CompiledNetwork:
    return network_with(path.parent.name, path.stem)


def uses(network: CompiledNetwork, name: str) -> list[str]:
    return [where for where, block in network.graph.blocks() if block.name == name]


def test_graph_and_emitted_class_agree(network: CompiledNetwork, path: Path) -> None:
    if path.stem != "mask_head":
        assert uses(network, path.stem), "the network does not use the block"
    proof = verify(network)
    assert proof.holds, str(proof)


def test_counts_three_ways(network: CompiledNetwork) -> None:
    torch.set_num_threads(1)
    counts = verify_counts(network)
    assert counts.holds, str(counts)


def test_every_weight_is_used(network: CompiledNetwork) -> None:
    module = network.module().train()
    module(torch.randn(2, *network.spec.input)).square().mean().backward()
    assert sum(p.numel() for p in module.parameters()) == parameter_count(network.graph)
    assert [name for name, p in module.named_parameters() if p.grad is None] == []


def test_the_class_reads_well(network: CompiledNetwork, path: Path) -> None:
    """A docstring from the title, no line too long, no name that is not used."""
    home: Any = path.parent.name if path.parent.name in ("stems", "heads", "modules") else "blocks"
    definition = Library().find(path.stem, home)
    assert definition is not None
    assert definition.title
    assert definition.source, "where it is from"
    source = network.source
    if uses(network, path.stem):
        match = re.search(rf'class \w*{definition.class_name}\(nn\.Module\):\n    """(.*)', source)
        assert match is not None
        assert match[1].startswith(definition.title.rstrip(".")[:60])
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--stdin-filename", "m.py", "-"]
    result = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_keeps_the_contract(unit: str) -> None:
    """(N, C_in, H, W) to (N, C, H / stride, W / stride), rounded, in torch as in the graph."""
    network = network_with("units", unit)
    module = network.module()
    for where, block in network.graph.blocks():
        if block.kind == UNIT:
            assert isinstance(block.use, Use)
            emitted = module.get_submodule(where.replace("/", "."))
            y = emitted(torch.randn(2, block.input.channels, *block.input.size))
            assert y.shape == (2, block.use.c, *block.output_type.size)
            for side, smaller in zip(block.input.size, y.shape[2:], strict=True):
                assert abs(smaller - side / block.use.stride) < 1


def test_a_mask_goes_down_and_up_by_convolutions_of_its_channels() -> None:
    """A slot is offered its block's channels: one spec is for stages of any width."""

    def network(**ways: Any) -> CompiledNetwork:
        mask = {"type": "hourglass", **ways}
        return archcompiler.compile(spec_with("masks", "hourglass") | {"attention": {"mask": mask}})

    ways = {"kernel": 3, "stride": 2}
    learnt = network(
        pool={"type": "conv", **ways}, interpolation={"type": "conv_transpose", **ways}
    )
    assert verify(learnt).holds
    kernels = [m.weight for m in learnt.module().modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [tuple(kernel.shape) for kernel in kernels] == [(c, c, 3, 3) for c in (64, 64, 128)]
    more = 2 * 9 * (2 * 64**2 + 128**2)
    assert parameter_count(learnt.graph) == parameter_count(network().graph) + more


@pytest.mark.parametrize("unit", UNITS)
def test_defaults_are_options_that_a_spec_may_set(unit: str) -> None:
    """Written out, the defaults that are plain values make the same network."""
    definition = Library().find(unit)
    assert definition is not None
    plain = {
        name: option.default
        for name, option in definition.options.items()
        if isinstance(option.default, int | float | str | dict)
    }
    text = json.dumps(spec_with("units", unit))
    short = archcompiler.compile(json.loads(text))
    table = json.dumps({"type": unit, **plain})
    long = archcompiler.compile(json.loads(text.replace(f'"unit": "{unit}"', f'"unit": {table}')))
    assert list(short.graph.nodes()) == list(long.graph.nodes())
