"""SGD, and the moving average of what it finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from archcompiler.runner.distributed import local
from archcompiler.runner.recipe import Optimizer


def make_optimizer(network: nn.Module, how: Optimizer, device: torch.device) -> torch.optim.SGD:
    """SGD over all parameters; BN and biases, the vectors among them, may go without decay."""
    decayed = [p for p in network.parameters() if p.ndim > 1 or how.decay_norm_and_bias]
    free = [p for p in network.parameters() if p.ndim <= 1 and not how.decay_norm_and_bias]
    groups: list[dict[str, Any]] = [
        {"params": decayed},
        *([{"params": free, "weight_decay": 0.0}] if free else []),
    ]
    return torch.optim.SGD(
        groups,
        lr=how.lr,
        momentum=how.momentum,
        weight_decay=how.weight_decay,
        nesterov=how.nesterov,
        fused=True if device.type == "cuda" else None,
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


class MovingAverage:
    """Exponential moving average of the parameters, on the device and sharded as they are."""

    def __init__(self, parameters: Iterable[Tensor], decay: float) -> None:
        self.decay = decay
        self._live = [local(p.detach()) for p in parameters]
        self.values = [p.clone() for p in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Step `step` of the optimizer, counted from 0, is done. Early on the average forgets
        faster, or it would stay near the initial weights for 1 / (1 - decay) steps.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, self._live, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the average and the parameters; a second call puts both back, to the bit."""
        for live, value in zip(self._live, self.values, strict=True):
            kept = live.clone()
            live.copy_(value)
            value.copy_(kept)
