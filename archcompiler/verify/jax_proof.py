"""The module emitted for JAX against the checked graph: structure, names and parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import jax
import numpy as np
from flax import nnx

from archcompiler.backends.jax import jax_op
from archcompiler.backends.jax.ops.reduce import merged
from archcompiler.backends.jax.trace import trace, unlike_in_training
from archcompiler.backends.jax.watching import in_training
from archcompiler.compiler import CompiledNetwork
from archcompiler.ir import Graph
from archcompiler.verify.comparing import Proof, compared, outside


def verify(network: CompiledNetwork) -> Proof:
    """Prove that the module emitted for a network is its graph; no weight is allocated."""
    return prove(network.graph, getattr(network.emitted, network.name))


def prove(graph: Graph, build: Callable[..., nnx.Module]) -> Proof:
    """Trace what a function of `rngs` makes, and show that it is isomorphic to the graph.

    That is as `compared` says. In training it must call the same, and each module that drops at
    random must draw numbers of its own.
    """
    with jax.enable_x64(True):  # as it is traced
        module = abstract(build)
    asleep = [path for path, part in nnx.iter_modules(module) if in_training(part) is False]
    parameters: Counter[str] = Counter()
    for path, variable in nnx.to_flat_state(nnx.state(module, nnx.Param)):
        parameters["/".join(map(str, path[:-1]))] += variable.size
    records = [jax_op(op) for op in outside(graph)]
    module.eval()
    options: dict[str, Any] = {"outside": records, "found": {}}
    evaluated = cache(lambda: trace(module, graph.input, **options))
    proof = compared(graph, evaluated, parameters, merged)
    if not proof.holds:
        return proof
    unlike = [*unlike_in_training(module, evaluated(), graph.input, **options)]
    unlike += [f"`{'.'.join(map(str, path))}` of a new model is in evaluation" for path in asleep]
    return replace(proof, differences=(*unlike, *_drawn_alike(build, module)))


def abstract(build: Callable[..., nnx.Module]) -> nnx.Module:
    """A new model from a function of an emitted file that has shapes in place of weights."""
    model: nnx.Module = nnx.eval_shape(lambda: build(rngs=_rngs(0)))
    return model


def _rngs(seed: Any) -> nnx.Rngs:
    """The random numbers of `nnx.Rngs(seed)`."""
    rngs = nnx.Rngs()
    rngs.default = _Counting(jax.random.key(seed), tag="default")
    return rngs


class _Counting(nnx.RngStream):  # type: ignore[misc]
    """A stream whose count is no array: with one, to trace how a model is made takes twice as long.

    What a model keeps of it is a stream as any other.
    """

    calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        return jax.random.fold_in(self.key[...], self.calls - 1)

    def fork(self, **options: Any) -> nnx.RngStream:
        return nnx.RngStream(self(), tag=self.tag)


def streams(model: nnx.Module) -> dict[str, nnx.RngStream]:
    """What dropouts and their like draw from, by the names that these have in PyTorch."""
    return {
        ".".join(map(str, path)): stream
        for path, part in nnx.iter_modules(model)
        for stream in vars(part).values()
        if isinstance(stream, nnx.RngStream)
    }


def first_keys(build: Callable[..., nnx.Module], *seeds: int) -> Iterator[Mapping[str, Any]]:
    """The keys of the streams of a new model of each seed, by their names."""

    def keys(seed: Any) -> dict[str, Any]:
        model = build(rngs=_rngs(seed))
        return {name: stream.key.get_value() for name, stream in streams(model).items()}

    return map(jax.jit(keys), seeds)


def _drawn_alike(build: Callable[..., nnx.Module], module: nnx.Module) -> Iterator[str]:
    """Dropouts whose numbers are those of another one, or the same in every model."""
    if not streams(module):
        return
    keys = [{n: _bits(key) for n, key in own.items()} for own in first_keys(build, 0, 1)]
    first, other = keys
    owners: dict[bytes, str] = {}
    for name, bits in first.items():
        if other[name] == bits:
            yield f"`{name}` draws the same numbers whatever `rngs` are"
        elif (owner := owners.setdefault(bits, name)) != name:
            yield f"`{name}` draws the numbers of `{owner}`"


def _bits(key: Any) -> bytes:
    return np.asarray(jax.random.key_data(key)).tobytes()
