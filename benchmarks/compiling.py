"""`torch.compile` of each distinct block once against that of the whole network.

Both compile from nothing: caches of the compiler are off.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch

import archcompiler
from archcompiler.runner.engine.compiling import compile_module
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.system.hardware import settle
from benchmarks.timing import Comparison, Course, compared, seconds

SPEC: Final = "attention236"
IMAGES: Final = 16
ROUNDS: Final = 2
STEPS: Final = 9


def measure(course: Course) -> Iterator[Comparison]:
    """The first step, and what one takes afterwards."""
    from torch._inductor import config

    spec = "attention56_cifar" if course.quick else SPEC
    network = archcompiler.compile(spec)
    taken: dict[str, list[_Steps]] = {"blocks": [], "on": []}
    with config.patch(force_disable_caches=True):
        for i in range(1 if course.quick else min(course.rounds, ROUNDS)):
            for compiled in list(taken)[:: -1 if i % 2 else 1]:
                taken[compiled].append(_steps(network, compiled))
    blocks, whole = taken.values()
    about = f"of {spec} with {IMAGES} images, compiled block by block"
    for what, one, other in (
        ("first step", [s.first for s in blocks], [s.first for s in whole]),
        ("later steps", [s.later for s in blocks], [s.later for s in whole]),
    ):
        yield compared(f"{what} {about}", one, "the whole network compiled", other)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Seconds."""

    first: float
    later: float


def _steps(network: archcompiler.CompiledNetwork, compiled: str) -> _Steps:
    torch.compiler.reset()
    hardware = settle(load_recipe("smoke", [f"speed.compile={compiled}"]), torch.device("cpu"))
    torch.manual_seed(0)
    module = network.module().train().to(memory_format=hardware.memory_format)
    images = torch.randn(IMAGES, *network.spec.input)
    compile_module(module, network.graph, None, hardware)

    def step() -> None:
        module.zero_grad(set_to_none=True)
        module(images).logsumexp(1).sum().backward()

    first = seconds(step)
    return _Steps(first, statistics.median(seconds(step) for _ in range(STEPS)))
