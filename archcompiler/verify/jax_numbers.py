"""The emitted file for JAX against that for PyTorch, by what they compute in float64."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import nnx
from torch import Tensor

from archcompiler.analysis.sizes import valid_sizes
from archcompiler.compiler import CompiledNetwork
from archcompiler.verify.inference import randomise
from archcompiler.verify.jax_proof import abstract

TOLERANCE: Final = 1e-10
"""Of logits, as a share of the largest: float64 keeps 16 digits of each number."""
STATISTICS: Final = 1e-8
"""Of running statistics after a step. A deep network in training makes more of every rounding;
another convention makes more than that by far: a variance of N values is off by one in N."""
SLOPE: Final = 1e-4
"""Of a gradient, in which that is more again."""
_PIXELS: Final = 1 << 15
"""Of four images, up to which there are as many: where maps shrink to one pixel, a batch norm of
two images has two numbers, and makes ±1 of any. Of larger ones there are two."""
_SEED: Final = 0
_ENOUGH: Final = {1: 64, 2: 64, 3: 16}
"""Pixels of a side, by dimensions, from which a larger image shows nothing else."""
_PLAINLY: Final = {"xla_backend_optimization_level": 0}
"""One run of a function takes less than making it fast."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """How far two files of one network are apart, each as a share of the largest number."""

    name: str
    size: tuple[int, ...]
    logits: float
    """In evaluation."""
    gradients: float
    """In training, of every weight."""
    statistics: float
    """Running ones, after a step."""
    returned: bool
    """Whether the weights are the same to the bit after the way there and back."""

    @property
    def holds(self) -> bool:
        # Not the other way round: what is no number is no agreement.
        near = self.logits <= TOLERANCE and self.statistics <= STATISTICS
        return self.returned and near and self.gradients <= SLOPE

    def __str__(self) -> str:
        size = "×".join(map(str, self.size))
        what = "gives" if self.holds else "does NOT give"
        back = "come" if self.returned else "do NOT come"
        return (
            f"{self.name} at {size}: the file for PyTorch {what} the same "
            f"(in float64 logits within {self.logits:.1e}, gradients {self.gradients:.1e}, "
            f"statistics {self.statistics:.1e}), and weights {back} back to the bit"
        )


def compare(network: CompiledNetwork) -> Numbers:
    """The file for JAX of a network against that for PyTorch, evaluated and after a step.

    Weights, statistics, images and what the gradient is taken of are random. Nothing is dropped
    at random: the two frameworks draw other numbers.
    """
    size = _size(network)
    count = 4 if 4 * prod(size) <= _PIXELS else 2
    torch_model = network.for_backend("torch").module().double()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        images = torch.randn(count, network.spec.input[0], *size, dtype=torch.float64)
        randomise(torch_model.eval(), images)
        with torch.no_grad():
            logits = torch_model(images)
        towards = torch.randn_like(logits)
    weights = _arrays(torch_model)
    drop_nothing(torch_model.modules())
    (torch_model.train()(images) * towards).sum().backward()
    gradients = {n: p.grad.numpy() for n, p in torch_model.named_parameters() if p.grad is not None}

    network = network.for_backend("jax")
    with jax.enable_x64(True):
        model = abstract(network)
        drop_nothing(part for _, part in nnx.iter_modules(model))
        network.emitted.load_torch(model, weights)
        returned = _equal(network.emitted.to_torch(model), weights)
        found, slopes, state = _step(model, _channels_last(images), _channels_last(towards))
        return Numbers(
            network.name,
            size,
            farthest({"logits": _channels_last(logits)}, {"logits": np.asarray(found)}),
            farthest(gradients, network.emitted.to_torch(slopes)),
            farthest(
                _statistics(_arrays(torch_model)), _statistics(network.emitted.to_torch(state))
            ),
            returned,
        )


def _step(model: nnx.Module, images: Any, towards: Any) -> tuple[Any, nnx.State, nnx.State]:
    """Logits in evaluation; in training gradients, and the statistics after it."""
    definition, state = nnx.split(model)

    def evaluated(state: nnx.State) -> Any:
        model = nnx.merge(definition, state)
        model.eval()
        return model(images)

    def trained(state: nnx.State) -> tuple[nnx.State, nnx.State]:
        model = nnx.merge(definition, state)
        model.train()
        slopes = nnx.grad(lambda model: jnp.sum(model(images) * towards))(model)
        return slopes, nnx.state(model, nnx.BatchStat)

    return (
        jax.jit(evaluated, compiler_options=_PLAINLY)(state),
        *jax.jit(trained, compiler_options=_PLAINLY)(state),
    )


def _size(network: CompiledNetwork) -> tuple[int, ...]:
    """The spec's size, or the smallest that is enough."""
    own = network.graph.input.size
    enough = _ENOUGH[len(own)]
    if max(own) <= enough:
        return own
    ranges = valid_sizes(network.graph).ranges
    side = next((max(first, enough) for first, last in ranges if last >= enough), None)
    return own if side is None or side >= max(own) else (side,) * len(own)


def drop_nothing(parts: Iterable[Any]) -> None:
    """Have the modules of either framework give what they get, without random numbers."""
    for part in parts:
        if isinstance(part, nnx.Dropout):
            part.rate, part.rngs = 0.0, nnx.data(None)
        elif isinstance(part, torch.nn.Dropout):
            part.p = 0.0
        elif type(part).__name__ == "DropPath":
            part.probability = 0.0


def _arrays(model: torch.nn.Module) -> dict[str, Any]:
    """The `state_dict` as arrays that stay what they are when the model learns."""
    return {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}


def _statistics(arrays: Mapping[str, Any]) -> dict[str, Any]:
    last = ("running_mean", "running_var", "num_batches_tracked")
    return {name: array for name, array in arrays.items() if name.endswith(last)}


def _channels_last(x: Tensor) -> Any:
    return np.moveaxis(x.numpy(), 1, -1)


def _equal(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return found.keys() == wanted.keys() and all(
        found[name].shape == array.shape and np.array_equal(found[name], array)
        for name, array in wanted.items()
    )


def farthest(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> float:
    """The largest difference of any two arrays, as a share of the largest number of the wanted.

    Infinite if one of them is not there. What is next to nothing beside the other arrays is a sum
    whose terms cancel: it is a share of what there could have been.
    """
    if wanted.keys() != found.keys():
        return np.inf
    largest = max((np.abs(array).max() for array in wanted.values()), default=0.0)
    apart = 0.0
    for name, array in wanted.items():
        least = max(np.abs(array).max(), 1e-6 * largest, 1e-300)
        difference = np.abs(found[name] - array).max() / least
        # `max` would pass over what is no number.
        apart = difference if not difference <= apart else apart
    return float(apart)
