"""Whether an implementation is the network of a spec, and if not, in what it differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import chain

import networkx as nx
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archcompiler.analysis.costs import network_cost
from archcompiler.backends.torch.stored import Stored
from archcompiler.backends.torch.trace import UNKNOWN
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.foreign.aligning import Alignment, align
from archcompiler.foreign.canonical import canonical
from archcompiler.foreign.difference import (
    Difference,
    Operation,
    first_difference,
    operation,
)
from archcompiler.foreign.folding import lacks_norms, with_folded_norms
from archcompiler.foreign.loading import Implementation, others_code
from archcompiler.foreign.mapping import named_dataflow
from archcompiler.foreign.matching import TooSymmetric, isomorphic
from archcompiler.ir import Graph, TensorType
from archcompiler.verify.isomorphism import Dataflow


@dataclass(frozen=True)
class Costs:
    """What a network costs at one image."""

    parameters: int
    """Of what is called, and of what is not."""
    macs: int | None
    """Multiply-accumulates; None where a network cannot be counted."""
    operators: int


@dataclass(frozen=True)
class Audit:
    """What was found."""

    said: str
    """The implementation, as it was named."""
    network: CompiledNetwork = field(repr=False)
    same: bool
    """Whether it is isomorphic, each layer has parameters of its own, and all is in the logits."""
    input: TensorType
    theirs: Costs
    ours: Costs
    first: Difference | None = None
    """Where they part; None if they do not, or only in what becomes of the results."""
    alignment: Alignment | None = None
    stopped: Operation | None = None
    """The first operator of theirs that no place was found for."""
    dead: Mapping[str, int] = field(default_factory=dict)
    """Parameters that the logits do not depend on, with their elements."""
    shared: tuple[str, ...] = ()
    """Tensors that several operators of theirs have."""
    fixed: tuple[str, ...] = ()
    """Weights of theirs that are no parameters, and are not learnt."""
    unread: tuple[Operation, ...] = ()
    """Operators of theirs that nothing depends on."""
    unknown: tuple[Operation, ...] = ()
    """What of theirs has no operator here."""
    folded: bool = False
    """Whether it is the network with batch norms folded into the layers before them."""
    inference: bool = False
    """Whether it is the network without what does nothing in inference."""


def audit(network: CompiledNetwork, theirs: Implementation) -> Audit:
    """Compare an implementation with the network of a spec, at the spec's input.

    A file that was exported is compared as inference has both, with batch norms folded if need be.
    Raises CompileError E901 for a module that cannot be traced.
    """
    graph = network.graph
    own = canonical(named_dataflow(graph))
    view = theirs.dataflow(graph)
    traced = canonical(view)
    live = _live(traced)
    unread = tuple(operation(traced, node) for node in traced if node not in live)
    other = _kept(traced, live)
    shared = tuple(_shared(other, theirs.module))
    fixed = tuple(_fixed(other, theirs.module))
    alike = _isomorphic(own, other, theirs)
    inference = folded = False
    if not alike and theirs.exported:
        own, other = _in_inference(graph, view)
        alike = inference = _isomorphic(own, other, theirs)
        # A module to be trained without a batch norm of the network is another network.
        if not alike and theirs.for_inference and lacks_norms(own, other):
            bare = with_folded_norms(own), with_folded_norms(other)
            alike = folded = _isomorphic(*bare, theirs)
            # One that is left, though it could be folded, says that none was.
            if alike or not lacks_norms(other, bare[1]):
                own, other = bare
    alignment = None if alike else align(own, other)
    lost = None if alignment is None else next(iter(alignment.unmatched[1]), None)
    costs = network_cost(graph)
    return Audit(
        theirs.said,
        network,
        alike and not shared and not fixed and not unread,
        graph.input,
        Costs(
            _parameters(view, theirs.module),
            _macs(view, theirs, graph.input),
            len(traced) - 1,
        ),
        Costs(costs.params, costs.macs, len(own) - 1),
        None if alike else first_difference(own, other),
        alignment,
        None if lost is None else operation(other, lost),
        dict(_dead(theirs.module, other)),
        shared,
        fixed,
        unread,
        tuple(operation(other, n) for n in other if other.nodes[n]["label"][0] == UNKNOWN),
        folded,
        inference,
    )


def _types(view: Dataflow, node: str) -> tuple[tuple[TensorType, ...], TensorType]:
    """What an operator reads, in the order in which its edges were added, and what it gives."""
    inputs = [view.nodes[source]["label"][2] for source, _ in view.in_edges(node)]
    return tuple(inputs), view.nodes[node]["label"][2]


def _isomorphic(own: Dataflow, other: Dataflow, theirs: Implementation) -> bool:
    try:
        return isomorphic(own, other)
    except TooSymmetric:
        problem = f"`{theirs.said}` has too many operators that are alike"
        raise CompileError(error("E904", problem, theirs.place)) from None


def _in_inference(graph: Graph, view: Dataflow) -> tuple[Dataflow, Dataflow]:
    """Both without what does nothing in inference."""
    own, other = (canonical(each, inference=True) for each in (named_dataflow(graph), view))
    return own, _kept(other, _live(other))


def _kept(graph: Dataflow, nodes: set[str]) -> Dataflow:
    """These nodes in their order, which `subgraph` may change."""
    kept = graph.copy()
    kept.remove_nodes_from([node for node in graph if node not in nodes])
    return kept


def _live(graph: Dataflow) -> set[str]:
    """What the results depend on."""
    live = set(graph.graph["outputs"])
    for output in graph.graph["outputs"]:
        live |= nx.ancestors(graph, output)
    return live


def _shared(graph: Dataflow, module: nn.Module) -> list[str]:
    """Tensors that several operators have, or one as several, whatever names they have."""
    named = chain(
        module.named_parameters(remove_duplicate=False),
        module.named_buffers(remove_duplicate=False),
    )
    ids = {name: id(tensor) for name, tensor in named}
    names = [tensor.name for _, tensor in _read(graph)]
    count = Counter(ids.get(name, name) for name in names)
    return [name for name in dict.fromkeys(names) if count[ids.get(name, name)] > 1]


def _fixed(graph: Dataflow, module: nn.Module) -> Iterator[str]:
    """Weights that are no parameters, where a module has any: in ONNX none is."""
    known = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    for own, tensor in _read(graph) if known else ():
        if own in ("weight", "bias") and tensor.name not in known:
            yield tensor.name


def _read(graph: Dataflow) -> Iterator[tuple[str, Stored]]:
    """The tensors that operators have, by the names in torch's own modules."""
    for _, data in graph.nodes(data=True):
        yield from (data.get("tensors") or {}).items()


def _dead(module: nn.Module, graph: Dataflow) -> dict[str, int]:
    read = {tensor.name for _, tensor in _read(graph)}
    return {name: p.numel() for name, p in module.named_parameters() if name not in read}


def _parameters(view: Dataflow, module: nn.Module) -> int:
    """Elements of a module's parameters; those of its operators where it has none: ONNX has not."""
    own = sum(parameter.numel() for parameter in module.parameters())
    operators = (data["op"] for _, data in view.nodes(data=True))
    return own or sum(op.parameters for op in operators if op is not None)


def _macs(view: Dataflow, theirs: Implementation, x: TensorType) -> int | None:
    """Multiply-accumulates of one image; of a module with unknown operators by torch's counter."""
    operators = [(node, data["op"]) for node, data in view.nodes(data=True) if view.in_degree(node)]
    if all(op is not None for _, op in operators):
        return sum(int(op.work(*_types(view, node)).macs) for node, op in operators)
    try:
        with others_code(theirs.place, "it cannot be counted"):
            bare = deepcopy(theirs.module).to("meta")
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                bare(torch.empty(1, x.channels, *x.size, device="meta"))
    except CompileError:
        # A module of others may do anything but compute without numbers.
        return None
    return int(counter.get_total_flops()) // 2
