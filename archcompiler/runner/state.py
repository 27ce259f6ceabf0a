"""Everything that a run has to remember, to a checkpoint and back, to the bit.

Order, augmentation, noise and learning rate are functions of the iteration, so there is no
generator among it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from archcompiler.runner.distributed import World, load_whole, local, mean_buffers, whole
from archcompiler.runner.optimizer import MovingAverage


@dataclass
class Best:
    """The best evaluation so far."""

    accuracy: float
    iteration: int


@dataclass
class TrainingState:
    """The moving parts of a run. `network` is the bare one: not compiled, not wrapped."""

    network: nn.Module
    optimizer: torch.optim.SGD
    average: MovingAverage | None
    scaler: torch.amp.GradScaler
    iteration: int = 0
    """Steps done."""
    best: Best | None = None
    pending: list[Tensor] = field(default_factory=list)
    """(2,) loss and share of right answers of each step since the last line of the metrics."""

    def contents(self, world: World) -> dict[str, Any]:
        """What a checkpoint holds, in the first process, while all of them take part.

        `pending` is not in it: its mean over processes is the loop's to take.
        """
        network = self.network
        own = {name: b.detach().cpu().clone() for name, b in network.named_buffers()}
        buffers = world.gather(own)
        live = {name: whole(p) for name, p in network.named_parameters()}
        averaged = self._averaged()
        momentum = {
            name: whole(found)
            for name, p in network.named_parameters()
            if (found := self.optimizer.state[p].get("momentum_buffer")) is not None
        }
        if not world.first:
            return {}
        weights = {**(averaged or live), **mean_buffers(buffers)}
        return {
            "iteration": self.iteration,
            # In the order of the emitted module, as its own `state_dict` has it.
            "model": {name: weights[name] for name in network.state_dict() if name in weights},
            "parameters": live if averaged is not None else {},
            "momentum": momentum,
            # One process has nothing of its own: its buffers are the model's.
            "buffers": buffers if world.size > 1 else [],
            "scaler": self.scaler.state_dict(),
            "best": None if self.best is None else vars(self.best).copy(),
        }

    def load(self, contents: dict[str, Any], world: World) -> None:
        """Go back to a checkpoint, which every process has read."""
        model, live, momentum = contents["model"], contents["parameters"], contents["momentum"]
        device = next(self.network.parameters()).device
        for name, p in self.network.named_parameters():
            load_whole(p, live[name] if live else model[name])
            if name in momentum:
                buffer = torch.zeros_like(p.detach())
                load_whole(buffer, momentum[name])
                self.optimizer.state[p]["momentum_buffer"] = buffer
        own = contents["buffers"]
        buffers = own[world.rank] if len(own) == world.size > 1 else model
        for name, b in self.network.named_buffers():
            load_whole(b, buffers[name])
        if self.average is not None:
            self._load_average(model)
        self.scaler.load_state_dict(contents["scaler"])
        self.iteration = contents["iteration"]
        self.best = None if contents["best"] is None else Best(**contents["best"])
        self.pending = list(contents["pending"].to(device))

    def _averaged(self) -> dict[str, Tensor] | None:
        """The parameters with the moving average in them, which has their shards."""
        if self.average is None:
            return None
        self.average.swap()
        found = {name: whole(p) for name, p in self.network.named_parameters()}
        self.average.swap()
        return found

    def _load_average(self, model: dict[str, Tensor]) -> None:
        assert self.average is not None
        for value, (name, p) in zip(
            self.average.values, self.network.named_parameters(), strict=True
        ):
            target = torch.zeros_like(p.detach())
            load_whole(target, model[name])
            value.copy_(local(target))
