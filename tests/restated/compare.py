"""A compiled network against a re-stated one: the same operators, joined in the same way."""

from __future__ import annotations

import networkx as nx
import torch

from archcompiler.compiler import CompiledNetwork
from archcompiler.ir import TensorType
from archcompiler.verify.isomorphism import first_difference, isomorphism
from archcompiler.verify.proof import dataflow
from archcompiler.verify.trace import trace
from restated.table import Restated


def difference(network: CompiledNetwork, restated: Restated) -> str:
    """Empty if the compiled graph is isomorphic to the trace of the re-stated module.

    Operators, their hyper-parameters, shapes and the roles of edges are labels. Which map an
    interpolation has its size from is left aside: the originals write sizes as numbers.
    """
    with torch.device("meta"):
        module = restated.make().eval()
    ours = _sized_alike(dataflow(network.graph))
    theirs = _sized_alike(trace(module, TensorType(*restated.input)))
    if isomorphism(ours, theirs) is not None:
        return ""
    missing, extra = first_difference(ours, theirs), first_difference(theirs, ours)
    return (
        f"only compiled: {missing and ours.nodes[missing]}; "
        f"only re-stated: {extra and theirs.nodes[extra]}"
    )


def _sized_alike(graph: nx.MultiDiGraph[str]) -> nx.MultiDiGraph[str]:
    kept: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    kept.add_nodes_from(graph.nodes(data=True))
    for source, target, role in graph.edges(data="role"):
        if role != "size":
            kept.add_edge(source, target, role=role)
    return kept
