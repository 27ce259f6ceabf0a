"""LAMB (You et al., ICLR 2020): Adam's steps, each layer's made as long as its weights are.

torch has none, and it is little more than a page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from archcompiler.runner.system.distributed import local


class Lamb(torch.optim.Optimizer):
    """A layer is a tensor of parameters, as in algorithm 2 of the paper; φ is the identity."""

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step on the gradients that are there. `closure` is for who calls any optimizer."""
        assert closure is None
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._step(parameters, group)

    def _step(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        states = [self.state[p] for p in parameters]
        # Of shards what this process has: only the lengths of layers are sums over all.
        weights = [local(p) for p in parameters]
        gradients = [local(p.grad) for p in parameters if p.grad is not None]
        means = [local(state["exp_avg"]) for state in states]
        squares = [local(state["exp_avg_sq"]) for state in states]
        for state in states:
            state["step"] += 1
        step = states[0]["step"].item()
        torch._foreach_lerp_(means, gradients, 1 - first)
        torch._foreach_mul_(squares, second)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)
        scale = torch._foreach_sqrt(squares)
        torch._foreach_div_(scale, math.sqrt(1 - second**step))
        torch._foreach_add_(scale, group["eps"])
        update = torch._foreach_div(means, 1 - first**step)
        torch._foreach_div_(update, scale)
        if group["weight_decay"]:
            torch._foreach_add_(update, weights, alpha=group["weight_decay"])
        long, wide = _lengths(weights, parameters[0]), _lengths(update, parameters[0])
        # A layer of zeros, as a bias is at first, takes the step as it is.
        trust = torch.where((long > 0) & (wide > 0), long / wide, 1.0)
        torch._foreach_mul_(update, list((trust * -group["lr"]).unbind()))
        torch._foreach_add_(weights, update)


def _lengths(tensors: Sequence[Tensor], like: Tensor) -> Tensor:
    """The norm of each, over all shards if `like` is one of several."""
    norms = torch.stack(torch._foreach_norm(list(tensors)))
    if not isinstance(like, DTensor):
        return norms
    squares = norms.square()
    dist.all_reduce(squares, group=like.device_mesh.get_group())
    return squares.sqrt()
