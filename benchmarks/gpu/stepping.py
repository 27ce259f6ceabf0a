"""Training steps without data to read: those of the runner, and those of a port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcompiler
from archcompiler.runner.engine.building import build_state
from archcompiler.runner.engine.keeping import planned_on
from archcompiler.runner.engine.preparing import hardware_for
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.recipe.settling import settle_recipe
from archcompiler.runner.system.distributed import World
from archcompiler.runner.system.hardware import Hardware, settle
from archcompiler.runner.system.place import ALONE
from benchmarks.gpu.setting import IMAGES, RECIPE, Setting
from benchmarks.port import PortAttention56
from benchmarks.timing import seconds

PLAIN = (
    "speed.precision=float32", "speed.channels_last=off", "speed.compile=off",
    "speed.tf32=false", "speed.memory=100%",
)  # fmt: skip
"""What torch does where nobody has asked for anything, but that convolutions are exact."""
SLOW = 1e-5
"""A rate by which weights stay what they are: numbers that vanish or grow take other times."""


@dataclass
class Steps:
    """A model that learns the same images again and again."""

    setting: Setting
    hardware: Hardware
    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    images: Tensor
    labels: Tensor
    before: int
    """Bytes of tensors that were there before all of these."""

    def __post_init__(self) -> None:
        # Others may be set for a model that takes turns with this one.
        self.switches = _switches()

    @property
    def batch(self) -> int:
        return len(self.labels)

    def run(self, count: int) -> float:
        """Seconds of so many steps together."""
        _set(self.switches)
        self.setting.wait()
        return seconds(lambda: self._run(count))

    def one(self) -> float:
        """Seconds of a step, of several that are not waited for one by one."""
        count = 1 if self.setting.quick else 10
        return self.run(count) / count

    def peak(self) -> int:
        """Most bytes of tensors in a step, with all that is there beside it."""
        torch.cuda.reset_peak_memory_stats(self.setting.device)
        self.run(1)
        return torch.cuda.max_memory_allocated(self.setting.device) - self.before

    def _run(self, count: int) -> None:
        for _ in range(count):
            with self.hardware.autocast():
                loss = F.cross_entropy(self.model(self.images), self.labels)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad(set_to_none=True)
        self.setting.wait()


def of_the_runner(setting: Setting, spec: str, batch: int, settings: Sequence[str]) -> Steps:
    """A network as a run has it by these settings of a recipe."""
    before = _allocated(setting)
    network = archcompiler.compile(spec)
    given = [f"batch_size={batch}", f"device={setting.device_name}", f"optimizer.lr={SLOW}"]
    loaded = load_recipe(RECIPE, [*given, *settings])
    hardware = hardware_for(network, loaded, ALONE, "ddp")
    recipe = settle_recipe(loaded, IMAGES, network.spec.input[0])
    plan = planned_on(hardware, ALONE, "ddp", loaded, recipe, network.graph)
    state, model = build_state(network, recipe, plan, {}, hardware, World(), "ddp")
    inputs = _inputs(network, batch, hardware)
    return Steps(setting, hardware, model.train(), state.optimizer, state.scaler, *inputs, before)


def of_the_port(setting: Setting, batch: int) -> Steps:
    """The port as it comes: float32, eager, and torch's switches as they are at its start."""
    before = _allocated(setting)
    network = archcompiler.compile("tengshaofeng56")
    hardware = settle(load_recipe(RECIPE, PLAIN), setting.device)
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = True, False
    model = PortAttention56(network.spec.classes, network.graph.input.size[0])
    model.to(setting.device).train()
    optimizer = torch.optim.SGD(model.parameters(), SLOW, 0.9, weight_decay=1e-4, nesterov=True)
    scaler = torch.amp.GradScaler(setting.device.type, enabled=False)
    return Steps(
        setting, hardware, model, optimizer, scaler, *_inputs(network, batch, hardware), before
    )


def _inputs(
    network: archcompiler.CompiledNetwork, batch: int, hardware: Hardware
) -> tuple[Tensor, Tensor]:
    shape = network.graph.input
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, shape.channels, *shape.size, generator=generator)
    labels = torch.randint(network.spec.classes, (batch,), generator=generator)
    device, order = hardware.device, hardware.memory_format
    return images.to(device, memory_format=order), labels.to(device)


def _allocated(setting: Setting) -> int:
    return torch.cuda.memory_allocated(setting.device) if setting.cuda else 0


def _switches() -> tuple[bool, bool, bool]:
    cudnn = torch.backends.cudnn
    return torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark


def _set(switches: tuple[bool, bool, bool]) -> None:
    cudnn = torch.backends.cudnn
    torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = switches
