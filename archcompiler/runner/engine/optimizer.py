"""The optimizer of a recipe, and the moving average of what it finds."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from archcompiler.runner.engine.lamb import Lamb
from archcompiler.runner.recipe.model import Optimizer
from archcompiler.runner.system.distributed import local


def make_optimizer(
    network: nn.Module, how: Optimizer, device: torch.device
) -> torch.optim.Optimizer:
    """An optimizer of all parameters; BN and biases, the vectors among them, may go without decay.

    Its state is there before the first step: one that float16 skips would leave it as it was
    allocated, and what is not there could not be read from a checkpoint.
    """
    decayed = [p for p in network.parameters() if p.ndim > 1 or how.decay_norm_and_bias]
    free = [p for p in network.parameters() if p.ndim <= 1 and not how.decay_norm_and_bias]
    groups: list[dict[str, Any]] = [
        {"params": decayed},
        *([{"params": free, "weight_decay": 0.0}] if free else []),
    ]
    # torch has no fused kernels for shards; one call for all of them is the next best.
    gpu = device.type == "cuda"
    sharded = any(isinstance(p, DTensor) for p in network.parameters())
    fused = gpu and not sharded
    kernels: dict[str, Any] = {
        "foreach": True if gpu and sharded else None,
        "fused": True if fused else None,
    }
    if how.type == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            groups,
            lr=how.lr,
            momentum=how.momentum,
            weight_decay=how.weight_decay,
            nesterov=how.nesterov,
            **kernels,
        )
        # Without dampening a momentum of zero gives the same first step as none.
        names = ["momentum_buffer"] if how.momentum else []
    else:
        usual: dict[str, Any] = {"lr": how.lr, "betas": how.betas, "eps": how.eps}
        usual["weight_decay"] = how.weight_decay
        optimizer = (
            Lamb(groups, **usual)
            if how.type == "lamb"
            else torch.optim.AdamW(groups, **usual, **kernels)
        )
        names = ["exp_avg", "exp_avg_sq"]
    for p in network.parameters():
        optimizer.state[p] |= {name: torch.zeros_like(p.detach()) for name in names}
        if how.type != "sgd":
            # Where torch looks for it: on the device only for the kernel that counts there.
            counted_there = fused and how.type == "adamw"
            optimizer.state[p]["step"] = torch.zeros((), device=p.device if counted_there else None)
    return optimizer


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


class MovingAverage:
    """Exponential moving average of the parameters, on the device and sharded as they are, and of
    BN's statistics: those of the live weights are not those of their average.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        # Counters, the other buffers, are the same for both.
        buffers = [b for b in network.buffers() if b.is_floating_point()]
        self._live = [local(t.detach()) for t in (*network.parameters(), *buffers)]
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
        """Exchange the average and the live values; a second call puts both back, to the bit."""
        for live, value in zip(self._live, self.values, strict=True):
            kept = live.clone()
            live.copy_(value)
            value.copy_(kept)
