"""The emitted file for inference against the one that is trained, by their logits in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

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
        randomise(module)
        channels, *own = trained.spec.input
        images = torch.randn(_IMAGES, channels, *(size or own), dtype=torch.float64)
        deployed: Any = network.deployed.module().double()
    deployed.load_trained(module.state_dict())
    with torch.inference_mode():
        wanted, found = module(images), deployed(images)
    return Agreement(network.deployed.name, apart(wanted, found))


def apart(wanted: Tensor, found: Tensor) -> float:
    """The largest difference, as a share of the largest wanted number."""
    return float((wanted - found).abs().max() / wanted.abs().max().clamp_min(1e-300))


def randomise(module: nn.Module) -> None:
    """Give every batch norm statistics, scales and shifts as of training."""
    for part in module.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            assert part.running_mean is not None
            assert part.running_var is not None
            with torch.no_grad():
                part.running_mean.normal_(std=0.5)
                part.running_var.uniform_(0.5, 2.0)
                part.weight.uniform_(0.5, 1.5)
                part.bias.normal_(std=0.5)
