"""Ports of the family as specs: the counts and the graphs of their re-stated originals."""

from __future__ import annotations

from pathlib import Path

import pytest
from restated.compare import difference
from restated.table import PORTS

import archcompiler
from archcompiler.analysis.parameters import parameter_count
from archcompiler.verify import verify

SPECS = Path(__file__).parents[1] / "specs" / "ports"
ORIGINALS = {path.stem: PORTS[path.stem] for path in sorted(SPECS.glob("*.toml"))}


@pytest.mark.parametrize("name", ORIGINALS)
def test_parameters(name: str) -> None:
    network = archcompiler.compile(SPECS / f"{name}.toml")
    assert parameter_count(network.graph) == ORIGINALS[name].parameters


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_graph_is_that_of_the_original(name: str) -> None:
    network = archcompiler.compile(SPECS / f"{name}.toml")
    assert difference(network, ORIGINALS[name]) == ""


@pytest.mark.parametrize("name", ["gluon56", "gluon452", "tengshaofeng56", "tengshaofeng92_32_update"])
def test_the_emitted_module_is_the_graph(name: str) -> None:
    proof = verify(archcompiler.compile(SPECS / f"{name}.toml"))
    assert proof.holds, proof
    assert proof.parameters == ORIGINALS[name].parameters


@pytest.mark.parametrize(
    "change",
    [
        "attention.post=2",
        "attention.r=2",
        "stages.1.depth=1",
        "blocks.summed_levels.steps.pool.padding=0",
        "blocks.summed_levels.steps.bare.from=['inner', 'skip']",
        "blocks.summed_levels.steps.interpolate.align_corners=false",
        "blocks.joined_attention.steps.join.from=['units', 'pre']",
        "blocks.mask_head.steps.norm2.op='sigmoid'",
        "stem.pool.ceil=true",
        "head.type='linear'",
    ],
)
def test_a_changed_port_is_not_the_original(change: str) -> None:
    network = archcompiler.compile(SPECS / "gluon56.toml", [change])
    assert difference(network, ORIGINALS["gluon56"])
