"""The module emitted for JAX against the checked graph: structure, names and parameters."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flax import nnx

from archcompiler.backends.jax import jax_op
from archcompiler.backends.jax.ops.reduce import merged
from archcompiler.backends.jax.trace import trace
from archcompiler.compiler import CompiledNetwork
from archcompiler.ir import Graph
from archcompiler.verify.comparing import Proof, compared, outside


def verify(network: CompiledNetwork) -> Proof:
    """Prove that the module emitted for a network is its graph; no weight is allocated."""
    return prove(network.graph, abstract(network))


def abstract(network: CompiledNetwork, **overrides: Any) -> nnx.Module:
    """A new model from the emitted source that has shapes in place of weights."""
    build = getattr(network.emitted, network.name)

    def made() -> nnx.Module:
        rngs = nnx.Rngs(0)
        rngs.default = _OneKey(0, tag="default")
        return build(rngs=rngs, **overrides)

    model: nnx.Module = nnx.eval_shape(made)
    return model


class _OneKey(nnx.RngStream):  # type: ignore[misc]
    """Random numbers of a model that has none: to count them takes most of the time."""

    def __call__(self) -> Any:
        return self.key[...]


def prove(graph: Graph, module: nnx.Module) -> Proof:
    """Trace a module and show that it is isomorphic to the graph, as `compared` says."""
    module.eval()
    parameters: Counter[str] = Counter()
    for path, variable in nnx.to_flat_state(nnx.state(module, nnx.Param)):
        parameters["/".join(map(str, path[:-1]))] += variable.size
    records = [jax_op(op) for op in outside(graph)]
    return compared(graph, lambda: trace(module, graph.input, outside=records), parameters, merged)
