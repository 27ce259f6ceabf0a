"""Ports of the family as specs: the counts and the graphs of their re-stated originals.

Of ports that differ in numbers of modules alone, EVERY_SPEC=1 compares every graph.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from restated.compare import difference
from restated.table import PORTS
from shipped import EVERY_SPEC

import archcompiler
from archcompiler.analysis.parameters import parameter_count
from archcompiler.verify import verify

SPECS = Path(__file__).parents[1] / "specs" / "ports"
ORIGINALS = {path.stem: PORTS[path.stem] for path in sorted(SPECS.glob("*.toml"))}
ALIKE = {*(f"gluon{n}" for n in (128, 164, 200, 236, 452)), "gluon452_cifar"}
COMPARED = [name for name in ORIGINALS if EVERY_SPEC or name not in ALIKE]


@pytest.mark.parametrize("name", ORIGINALS)
def test_parameters(name: str) -> None:
    network = archcompiler.compile(SPECS / f"{name}.toml")
    assert parameter_count(network.graph) == ORIGINALS[name].parameters


@pytest.mark.parametrize("name", COMPARED)
def test_the_graph_is_that_of_the_original(name: str) -> None:
    network = archcompiler.compile(SPECS / f"{name}.toml")
    assert difference(network, ORIGINALS[name]) == ""


@pytest.mark.parametrize("name", ["gluon56", "gluon56_cifar", "tengshaofeng92_32_update"])
def test_the_emitted_module_is_the_graph(name: str) -> None:
    proof = verify(archcompiler.compile(SPECS / f"{name}.toml"))
    assert proof.holds, proof
    assert proof.parameters == ORIGINALS[name].parameters


@pytest.mark.parametrize("name", ["gluon56_cifar", "tengshaofeng92_32", "qubvel_cifar"])
def test_logits(name: str) -> None:
    network = archcompiler.compile(SPECS / f"{name}.toml")
    with torch.device("meta"):
        assert network.module().eval()(torch.empty(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    "change",
    [
        "attention.post=2",
        "attention.r=2",
        "stages.1.depth=1",
        "attention.pool.padding=0",
        "attention.skip=unit",
        "attention.interpolation.align_corners=false",
        'blocks.joined_attention.steps.join.from=["units", "pre"]',
        'blocks.mask_head.steps.norm2={op="sigmoid"}',
        "stem.pool.ceil=true",
        'head={type="linear"}',
    ],
)
def test_a_changed_port_is_not_the_original(change: str) -> None:
    network = archcompiler.compile(SPECS / "gluon56.toml", [change])
    assert difference(network, ORIGINALS["gluon56"])
