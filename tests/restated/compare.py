"""A compiled network against a re-stated one: the same graph, or the same results."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import networkx as nx
import torch
from torch import nn

from archcompiler.compiler import CompiledNetwork
from archcompiler.ir import TensorType
from archcompiler.verify.comparing import dataflow
from archcompiler.verify.isomorphism import first_difference, isomorphism
from archcompiler.verify.trace import trace
from restated.table import Restated


def difference(network: CompiledNetwork, restated: Restated) -> str:
    """Empty if the compiled graph is isomorphic to the trace of the re-stated module.

    Operators, their hyper-parameters, shapes and the roles of edges are labels. Which map an
    interpolation has its size from is left aside: the originals write sizes as numbers.
    """
    ours, theirs = _sized_alike(dataflow(network.graph)), _original(restated)
    if isomorphism(ours, theirs) is not None:
        return ""
    missing, extra = first_difference(ours, theirs), first_difference(theirs, ours)
    return (
        f"only compiled: {missing and ours.nodes[missing]}; "
        f"only re-stated: {extra and theirs.nodes[extra]}"
    )


@lru_cache(maxsize=2)  # Tests of one network follow each other.
def _original(restated: Restated) -> nx.MultiDiGraph[str]:
    with torch.device("meta"):
        module = restated.make().eval()
    return _sized_alike(trace(module, TensorType(*restated.input)))


def _sized_alike(graph: nx.MultiDiGraph[str]) -> nx.MultiDiGraph[str]:
    kept: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    kept.add_nodes_from(graph.nodes(data=True))
    for source, target, role in graph.edges(data="role"):
        if role != "size":
            kept.add_edge(source, target, role=role)
    return kept


def assert_equal_results(network: CompiledNetwork, restated: Restated, size: int) -> None:
    """Both give the same logits with the same weights, which are paired in the order of their use.

    For networks that compute in their own words what the compiler has one operator for.
    """
    ours, theirs = network.module().eval(), restated.make().eval()
    image = torch.randn(2, restated.input[0], size, size)
    with torch.no_grad():
        _randomise(theirs)
        for own, other in zip(_used(ours, image), _used(theirs, image), strict=True):
            for value, source in zip(_tensors(own), _tensors(other), strict=True):
                value.copy_(source.view_as(value))
        torch.testing.assert_close(ours(image), theirs(image), rtol=1e-4, atol=1e-4)


def _randomise(module: nn.Module) -> None:
    """Weights that nothing is neutral under."""
    for part in module.modules():
        for name, value in _own(part):
            if name in ("weight", "running_var") and value.dim() != 4:
                value.uniform_(0.5, 1.5)
            elif name in ("bias", "running_mean"):
                value.normal_(0, 0.1)


def _used(module: nn.Module, image: torch.Tensor) -> list[nn.Module]:
    """The parts of a module that have weights of their own, in the order of the pass."""
    used: list[nn.Module] = []

    def note(part: nn.Module, *_: object) -> None:
        used.append(part)

    hooks = [part.register_forward_hook(note) for part in module.modules() if any(_own(part))]
    module(image)
    for hook in hooks:
        hook.remove()
    return used


def _own(part: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from part.named_parameters(recurse=False)
    yield from part.named_buffers(recurse=False)


def _tensors(part: nn.Module) -> list[torch.Tensor]:
    return [value for _, value in _own(part)]
