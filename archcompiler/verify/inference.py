"""The emitted file for inference against the one that is trained, by their logits in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from archcompiler.compiler import CompiledNetwork

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE: Final = 1e-10
"""Of a logit, as a share of the largest one: float64 keeps 16 digits of each number."""
_IMAGES: Final = 2
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the logits of two modules are apart."""

    name: str
    deviation: float
    """The largest difference, as a share of the largest logit."""

    @property
    def holds(self) -> bool:
        # Not the other way round: what is no number is no agreement.
        return self.deviation <= TOLERANCE

    def __str__(self) -> str:
        what = "is" if self.holds else "is NOT"
        return (
            f"{self.name}: with random weights and statistics it {what} the trained network "
            f"(logits within {self.deviation:.1e} of the largest, in float64)"
        )


def compare(network: CompiledNetwork, size: tuple[int, ...] | None = None) -> Agreement:
    """The file for inference of a network against that for training, both in evaluation.

    Weights, statistics and images, which are of the spec's size or another, are random; the
    weights go through the emitted `load_trained`.
    """
    trained = network.trained or network
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        module = trained.module().double().eval()
        channels, *own = trained.spec.input
        images = torch.randn(_IMAGES, channels, *(size or own), dtype=torch.float64)
        randomise(module, images)
        deployed: Any = network.deployed.module().double()
    deployed.load_trained(module.state_dict())
    with torch.inference_mode():
        wanted, found = module(images), deployed(images)
    return Agreement(network.deployed.name, apart(wanted, found))


def apart(wanted: Tensor, found: Tensor) -> float:
    """The largest difference, as a share of the largest wanted number."""
    return float((wanted - found).abs().max() / wanted.abs().max().clamp_min(1e-300))


def randomise(module: nn.Module, images: Tensor) -> None:
    """Give every batch norm random scales, shifts and statistics, of the size that `images` have.

    Where numbers grew from layer to layer, a deep network would make much of every rounding. What
    else starts as a constant is random too: a branch that is weighed by 0 would hide what is in it.
    """

    def hook(norm: _BatchNorm, inputs: tuple[Tensor]) -> None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        power = float(inputs[0].square().mean()) + norm.eps
        norm.running_mean.normal_(std=0.5 * power**0.5)
        norm.running_var.uniform_(0.5 * power, 2.0 * power)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(std=0.5)

    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    hooks = [norm.register_forward_pre_hook(hook) for norm in norms]
    with torch.no_grad():
        for part in module.modules():
            if not isinstance(part, _BatchNorm):
                for weight in part.parameters(recurse=False):
                    if weight.eq(weight.flatten()[:1]).all():
                        weight.uniform_(0.5, 1.5)
        module(images)
    for each in hooks:
        each.remove()
