"""The emitted file for JAX against that for PyTorch, by what they compute in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, Final, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import nnx
from torch import Tensor, nn

from archcompiler.analysis.sizes import valid_sizes
from archcompiler.backends.reading import differs
from archcompiler.compiler import CompiledNetwork
from archcompiler.verify.comparing import outside
from archcompiler.verify.inference import randomise
from archcompiler.verify.jax_proof import abstract, first_keys, streams

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
    trained: float
    """Logits in training."""
    gradients: float
    """In training, of every weight."""
    statistics: float
    """Running ones, after a step."""
    dropouts: int
    """Places where elements or maps are dropped at random: by both files the same."""
    others: tuple[str, ...]
    """Random operators of other packages, by their kinds: with one, numbers of training are zero,
    as none is compared."""
    returned: bool
    """Whether the weights are the same to the bit after the way there and back."""

    @property
    def holds(self) -> bool:
        # Not the other way round: what is no number is no agreement.
        near = self.logits <= TOLERANCE and self.trained <= STATISTICS
        near = near and self.statistics <= STATISTICS and self.gradients <= SLOPE
        return self.returned and near

    def __str__(self) -> str:
        size = "×".join(map(str, self.size))
        what = "gives" if self.holds else "does NOT give"
        back = "come" if self.returned else "do NOT come"
        drops = ", dropping what JAX drops," if self.dropouts else ""
        training = (
            f"; in training{drops} {self.trained:.1e}, "
            f"gradients {self.gradients:.1e}, statistics {self.statistics:.1e}"
        )
        if self.others:
            names = ", ".join(f"`{kind}`" for kind in self.others)
            training = f"; NOT compared in training, where the numbers of {names} are its own"
        return (
            f"{self.name} at {size}: the file for PyTorch {what} the same "
            f"(in float64 logits within {self.logits:.1e}{training}), "
            f"and weights {back} back to the bit"
        )


def compare(network: CompiledNetwork) -> Numbers:
    """The file for JAX of a network against that for PyTorch, evaluated and after a step.

    Weights, statistics, images and what the gradient is taken of are random. The two frameworks
    draw other numbers, so that the file for PyTorch is given what dropouts of JAX keep.
    """
    size = _size(network)
    count = 4 if 4 * prod(size) <= _PIXELS else 2
    torch_model = network.for_backend("torch").module().double()
    shapes: dict[str, tuple[int, ...]] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        images = torch.randn(count, network.spec.input[0], *size, dtype=torch.float64)
        randomise(torch_model.eval(), images)
        with torch.no_grad(), _hooked(torch_model, _watching(shapes)):
            logits = torch_model(images)
        towards = torch.randn_like(logits)
    weights = _arrays(torch_model)

    network = network.for_backend("jax")
    build = getattr(network.emitted, network.name)
    with jax.enable_x64(True):
        model = abstract(build)
        network.emitted.load_torch(model, weights)
        returned = _equal(network.emitted.to_torch(model), weights)
        kept = _kept(model, build, shapes)
        results = _step(model, _channels_last(images), _channels_last(towards))
        found, trained, slopes, state = *results[:2], *map(network.emitted.to_torch, results[2:])

    with torch.random.fork_rng(devices=[]), _hooked(torch_model, _dropping(kept)):
        in_training = torch_model.train()(images)
        (in_training * towards).sum().backward()
    gradients = {n: p.grad.numpy() for n, p in torch_model.named_parameters() if p.grad is not None}
    own = _statistics(_arrays(torch_model))
    training = (
        farthest({"": _channels_last(in_training.detach())}, {"": np.asarray(trained)}),
        farthest(gradients, slopes),
        farthest(own, _statistics(state)),
    )
    others = tuple(op.kind for op in outside(network.graph) if op.random or differs(op))
    return Numbers(
        network.name,
        size,
        farthest({"": _channels_last(logits)}, {"": np.asarray(found)}),
        *((0.0, 0.0, 0.0) if others else training),
        len(kept),
        others,
        returned,
    )


def _kept(
    model: nnx.Module, build: Callable[..., nnx.Module], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    """What the first step of a model keeps of maps, as PyTorch has them, by names: 1, or 0.

    The model, which is abstract, gets the random numbers of one that is made anew. The shapes are
    of PyTorch's maps.
    """
    own = streams(model)
    (keys,) = first_keys(build, _SEED) if own else ({},)
    for name, stream in own.items():
        stream.key.set_value(keys[name])
        stream.count.set_value(jnp.zeros((), jnp.uint32))
    kept = {}
    for path, part in nnx.iter_modules(model):
        name = ".".join(map(str, path))
        drops = isinstance(part, nnx.Dropout) and part.rate > 0
        if not drops or name not in own or name not in shapes:
            continue
        batch, channels, *size = shapes[name]
        size = size or [1] * (len(part.broadcast_dims) - 1)  # a whole map of one pixel
        mask = nnx.clone(part)(jnp.ones((batch, *size, channels)), deterministic=False)
        kept[name] = torch.tensor(np.moveaxis(np.asarray(mask) != 0, -1, 1)).reshape(shapes[name])
    return kept


_Change: TypeAlias = Callable[[str, nn.Module, Tensor], Tensor]
"""The output of a dropout of PyTorch, by its name, the module, and what it gets."""


@contextmanager
def _hooked(model: nn.Module, change: _Change) -> Iterator[None]:
    """Have dropouts give something else."""
    with ExitStack() as hooks:
        for name, part in model.named_modules():
            if isinstance(part, nn.Dropout) or type(part).__name__ == "DropPath":
                hook = partial(_hook, name, change)
                hooks.callback(part.register_forward_hook(hook).remove)
        yield


def _hook(
    name: str, change: _Change, part: nn.Module, given: tuple[Tensor], output: Tensor
) -> Tensor:
    return change(name, part, given[0])


def _watching(shapes: dict[str, tuple[int, ...]]) -> _Change:
    def change(name: str, part: nn.Module, x: Tensor) -> Tensor:
        shapes[name] = tuple(x.shape)
        return x

    return change


def _dropping(kept: Mapping[str, Tensor]) -> _Change:
    def change(name: str, part: Any, x: Tensor) -> Tensor:
        own, whole = kept.get(name), not isinstance(part, nn.Dropout)
        if own is None:
            return x
        if whole:  # one number of each image
            own = own.flatten(1)[:, 0].reshape(-1, *[1] * (x.dim() - 1))
        rate: float = part.probability if whole else part.p
        return x * own / max(1.0 - rate, 1e-300)

    return change


def _step(model: nnx.Module, images: Any, towards: Any) -> tuple[Any, Any, nnx.State, nnx.State]:
    """Logits in evaluation; in training logits and gradients, and the statistics after it."""
    definition, state = nnx.split(model)

    def evaluated(state: nnx.State) -> Any:
        model = nnx.merge(definition, state)
        model.eval()
        return model(images)

    def trained(state: nnx.State) -> tuple[Any, nnx.State, nnx.State]:
        model = nnx.merge(definition, state)
        model.train()

        def loss(model: nnx.Module) -> tuple[Any, Any]:
            logits = model(images)
            return jnp.sum(logits * towards), logits

        slopes, logits = nnx.grad(loss, has_aux=True)(model)
        return logits, slopes, nnx.state(model, nnx.BatchStat)

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


def _arrays(model: nn.Module) -> dict[str, Any]:
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
