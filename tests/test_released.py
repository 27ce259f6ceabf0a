"""Compiled networks against the authors' released ones, node for node.

The released graphs were read off the deploy networks that the authors published; see
`tests/data/released/README.md`.
"""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest
import torch

import archcompiler
from archcompiler.analysis.parameters import parameter_count
from archcompiler.verify.comparing import dataflow
from archcompiler.verify.isomorphism import isomorphism
from archcompiler.verify.trace import trace

RELEASED = Path(__file__).parent / "data" / "released"
SPECS = Path(__file__).parents[1] / "specs"
PARAMETERS = {
    "attention56": 31_810_728,
    "attention92": 52_466_344,
    "attentionnext56": 31_318_824,
    "attentionnext92": 52_102_952,
}

HYPER_PARAMETERS = {
    "conv": {
        "in_channels": "in",
        "out_channels": "out",
        "kernel": "kernel",
        "stride": "stride",
        "padding": "padding",
        "groups": "groups",
        "bias": "bias",
    },
    "max_pool": {"kernel": "kernel", "stride": "stride", "padding": "padding", "ceil": "ceil"},
    "gate": {"learning": "learning"},
    "linear": {"in_features": "in", "out_features": "out", "bias": "bias"},
}
"""The hyper-parameters that the released graphs state, by our names and theirs."""


def released(name: str) -> nx.MultiDiGraph:
    """A released graph with labels (operator, hyper-parameters, shape)."""
    data = json.loads((RELEASED / f"{name}.json").read_text())
    graph = nx.MultiDiGraph()
    for node in data["nodes"]:
        if node["op"] == "gate":
            node["learning"] = "residual"
        stated = HYPER_PARAMETERS.get(node["op"], {})
        hyper = tuple(sorted((ours, node[theirs]) for ours, theirs in stated.items()))
        graph.add_node(node["id"], label=(node["op"], hyper, tuple(node["shape"])))
    for edge in data["edges"]:
        graph.add_edge(edge["source"], edge["target"], role=edge.get("role", "data"))
    return graph


def as_released(view: nx.MultiDiGraph) -> nx.MultiDiGraph:
    """Our graph, reduced to what the released ones state: no size edges, no BN constants."""
    graph = nx.MultiDiGraph()
    for node, (op, attributes, type) in view.nodes(data="label"):
        stated = HYPER_PARAMETERS.get(op, {})
        hyper = tuple(sorted((key, value) for key, value in attributes if key in stated))
        graph.add_node(node, label=(op, hyper, (type.channels, *type.size)))
    for source, target, role in view.edges(data="role"):
        if role != "size":
            graph.add_edge(source, target, role=role)
    return graph


@pytest.fixture(scope="module", params=["attention56", "attentionnext56"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_compiled_graph_is_the_released_one(name: str) -> None:
    ours = as_released(dataflow(archcompiler.compile(SPECS / f"{name}.toml").graph))
    assert isomorphism(ours, released(name)) is not None


def test_the_emitted_module_is_the_released_graph(name: str) -> None:
    network = archcompiler.compile(SPECS / f"{name}.toml")
    with torch.device("meta"):
        module = network.module()
    traced = as_released(trace(module.eval(), network.graph.input))
    mapping = isomorphism(traced, released(name))
    assert mapping is not None
    assert len(mapping) == len(json.loads((RELEASED / f"{name}.json").read_text())["nodes"])


@pytest.mark.parametrize(
    "change",
    [
        "attention.mask.pool.padding=1",
        "attention.mask.pool.ceil=false",
        "attention.learning=naive",
        "attention.t=3",
        "attention.mask.norm=null",
        "stages.0.depth=2",
        "unit.reduction=2",
        "head.norm=null",
        "stem.channels=32",
    ],
)
def test_a_changed_network_is_not_the_released_one(name: str, change: str) -> None:
    spec = SPECS / f"{name}.toml"
    if change.endswith("norm=null"):
        # The opposite of what the unit type implies.
        change = change.replace("null", "true" if "next" in name else "false")
    if change == "unit.reduction=2" and "next" in name:
        change = "unit.groups=16"
    elif change == "unit.reduction=2":
        change = 'unit={type="preact_bottleneck", reduction=2}'
    ours = as_released(dataflow(archcompiler.compile(spec, [change]).graph))
    assert isomorphism(ours, released(name)) is None


@pytest.mark.parametrize("network", PARAMETERS)
def test_parameters_of_the_released_networks(network: str) -> None:
    graph = archcompiler.compile(SPECS / f"{network}.toml").graph
    assert parameter_count(graph) == PARAMETERS[network]
