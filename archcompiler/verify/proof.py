"""The emitted module against the checked graph: structure, names and parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from archcompiler.backends.torch import torch_op
from archcompiler.compiler import CompiledNetwork
from archcompiler.ir import Graph
from archcompiler.verify.comparing import Proof, compared, outside
from archcompiler.verify.isomorphism import Dataflow
from archcompiler.verify.trace import trace, unlike_in_training

if TYPE_CHECKING:
    from torch import Tensor, nn


def verify(network: CompiledNetwork) -> Proof:
    """Prove that the module emitted for a network is its graph.

    The module is made on the meta device: no weight is allocated. One that makes maps again is
    made without its plan, which is hooks of its layers.
    """
    if network.backend == "jax":
        from archcompiler.verify.jax_proof import verify as verify_jax

        return verify_jax(network)
    with torch.device("meta"):
        module = network.module(**({} if network.plan is None else {"recompute": {}}))
    return prove(network.graph, module)


def prove(graph: Graph, module: nn.Module) -> Proof:
    """Trace a module and show that it is isomorphic to the graph, as `compared` says.

    In training it must call the same, and learn in all of its parts.
    """
    module.eval()
    parameters, buffers = _elements(module.named_parameters()), _elements(module.named_buffers())
    records = [torch_op(op) for op in outside(graph)]

    def traced() -> Dataflow:
        return trace(module, graph.input, outside=records)

    proof = compared(graph, traced, parameters, buffers=buffers)
    if not proof.holds:
        return proof
    return replace(proof, differences=tuple(unlike_in_training(module, graph.input, records)))


def _elements(state: Iterable[tuple[str, Tensor]]) -> Counter[str]:
    """Elements of tensors by the paths of the modules that have them."""
    found: Counter[str] = Counter()
    for name, tensor in state:
        found[name.rpartition(".")[0].replace(".", "/")] += tensor.numel()
    return found
