"""Everything that a run has to remember, to a checkpoint and back, to the bit.

Order, augmentation, noise and learning rate are functions of the iteration, so there is no
generator among it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from archcompiler.runner.engine.optimizer import MovingAverage
from archcompiler.runner.system.distributed import World, load_whole, mean_buffers, whole

MOMENTUM: Final = "momentum_buffer"
"""What SGD keeps, as torch calls it; checkpoints have had a name of their own for it."""


@dataclass
class Best:
    """The best evaluation so far."""

    accuracy: float
    iteration: int
    loss: float | None = None
    """None in a checkpoint that was written before it was kept."""

    def worse_than(self, accuracy: float, loss: float) -> bool:
        """Whether an evaluation is better: it is right more often, or as often with a lower loss.

        Of few images many evaluations are right equally often.
        """
        if accuracy != self.accuracy:
            return accuracy > self.accuracy
        return self.loss is not None and loss < self.loss


@dataclass
class TrainingState:
    """The moving parts of a run. `network` is the bare one: not compiled, not wrapped."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: MovingAverage | None
    scaler: torch.amp.GradScaler
    iteration: int = 0
    """Steps done."""
    best: Best | None = None
    evaluation_due: bool = False
    """Whether this iteration has yet to be evaluated."""
    pending: list[Tensor] = field(default_factory=list)
    """(3,) loss and shares of right answers and of images that stand for unreadable ones, of each
    step since the last line of the metrics."""

    def contents(self, world: World) -> dict[str, Any]:
        """What a checkpoint holds, in the first process, while all of them take part.

        `pending` is not in it: its mean over processes is the loop's to take.
        """
        network = self.network
        live = self._tensors()
        final = live
        if self.average is not None:
            self.average.swap()
            final = self._tensors()
            self.average.swap()
        buffers, final_buffers = (
            world.gather(own) if world.apart else [own] for own in (live.buffers, final.buffers)
        )
        slots = {
            slot: {name: whole(tensor) for name, tensor in tensors.items()}
            for slot, tensors in self._slots().items()
        }
        if not world.first:
            return {}
        weights = final.parameters | mean_buffers(final_buffers)
        averages, several = self.average is not None, world.apart
        return {
            "iteration": self.iteration,
            # In the order of the emitted module, as its own `state_dict` has it.
            "model": {name: weights[name] for name in network.state_dict() if name in weights},
            # The rest only where it is not the model's: what goes on to be trained if the model is
            # an average, and what each process has of its own if there are several.
            "parameters": live.parameters if averages else {},
            "momentum": slots.pop(MOMENTUM, {}),
            "moments": slots,
            "buffers": buffers if averages or several else [],
            "averaged_buffers": final_buffers if averages and several else [],
            "scaler": self.scaler.state_dict(),
            "evaluation_due": self.evaluation_due,
            "best": None if self.best is None else vars(self.best).copy(),
        }

    def load(self, contents: dict[str, Any], world: World) -> None:
        """Go back to a checkpoint, which every process has read."""
        model = contents["model"]
        if self.average is not None:
            self._load_tensors(model, _own(contents["averaged_buffers"], world) or model)
            self.average.swap()
        self._load_tensors(
            contents["parameters"] or model, _own(contents["buffers"], world) or model
        )
        kept = {**contents.get("moments", {}), MOMENTUM: contents["momentum"]}
        for slot, tensors in self._slots().items():
            for name, tensor in tensors.items():
                if name in kept.get(slot, {}):  # The run so far may have had another optimizer.
                    load_whole(tensor, kept[slot][name])
        if contents["scaler"]:  # The run so far may have had none.
            self.scaler.load_state_dict(contents["scaler"])
        self.iteration = contents["iteration"]
        self.evaluation_due = contents["evaluation_due"]
        self.best = None if contents["best"] is None else Best(**contents["best"])
        device = next(self.network.parameters()).device
        self.pending = list(contents["pending"].to(device))

    def _tensors(self) -> _Tensors:
        network = self.network
        return _Tensors(
            {name: whole(p) for name, p in network.named_parameters()},
            {name: whole(b) for name, b in self._buffers()},
        )

    def _load_tensors(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> None:
        for name, p in self.network.named_parameters():
            load_whole(p, parameters[name])
        for name, b in self._buffers():
            load_whole(b, buffers[name])

    def _buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Those that change: a filter of a blur is a constant, and in no `state_dict`."""
        kept = self.network.state_dict()
        return ((name, b) for name, b in self.network.named_buffers() if name in kept)

    def _slots(self) -> dict[str, dict[str, Tensor]]:
        """What the optimizer keeps, by its kind and the name of the parameter."""
        found: dict[str, dict[str, Tensor]] = {}
        for name, p in self.network.named_parameters():
            for slot, tensor in self.optimizer.state.get(p, {}).items():
                found.setdefault(slot, {})[name] = tensor
        return found


class _Tensors(NamedTuple):
    """On the CPU, by name."""

    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    """Of this process."""


def _own(buffers: list[dict[str, Tensor]], world: World) -> dict[str, Tensor]:
    """Those of this process, or the mean if there were more or fewer, or are the same for all;
    nothing if there are none.
    """
    if world.apart and len(buffers) == world.size:
        return buffers[world.rank]
    return mean_buffers(buffers) if buffers else {}
