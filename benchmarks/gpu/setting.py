"""Where it is measured, and how much of it."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

import archcompiler
from archcompiler.analysis.roofline import Accelerator, accelerators
from archcompiler.plan.planning import Machines, Plan, make_plan
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.system.hardware import resolve_device
from benchmarks.steps import this_machine

RECIPE = "imagenet_paper"
IMAGES = 1_000_000
"""Of a data set that nobody reads: batches are as large as they are said to be."""


@dataclass(frozen=True)
class Setting:
    """The device, and what was asked for."""

    device_name: str
    specs: tuple[str, ...]
    """Networks in place of a part's own."""
    data: Path | None
    """Fashion-MNIST."""
    out: Path
    quick: bool
    """Whether everything only has to run, on the smallest of what is measured."""

    @property
    def title(self) -> str:
        return f"{self.accelerator.title}, torch {torch.__version__}"

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 5

    @cached_property
    def device(self) -> torch.device:
        return resolve_device(self.device_name)

    @property
    def cuda(self) -> bool:
        return self.device.type == "cuda"

    @cached_property
    def accelerator(self) -> Accelerator:
        """As the table has it, or else by rates that are measured first."""
        if self.cuda:
            name = torch.cuda.get_device_name(self.device)
            for known in accelerators().values():
                if name in known.devices:
                    return known
        return this_machine(self.device, quick=self.quick)

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def plan(self, spec: str, batch: int, settings: Sequence[str]) -> Plan:
        """What `archcompiler plan` says of a step here."""
        loaded = load_recipe(RECIPE, [f"batch_size={batch}", *settings])
        machines = Machines(accelerator=self.accelerator)
        return make_plan(archcompiler.compile(spec), loaded, machines, images=IMAGES)

    def batch(self, spec: str, most: int, settings: Sequence[str]) -> int:
        """Images, a power of two, that leave a quarter of the room that there is by the plan."""
        if self.quick:
            return 2
        fits = (self.plan(spec, 1, settings).most or 1) * 3 // 4
        return min(most, 1 << max(fits, 1).bit_length() - 1)

    def forget(self) -> None:
        """Give back what the network before has had."""
        torch.compiler.reset()
        gc.collect()
        if self.cuda:
            torch.cuda.empty_cache()
