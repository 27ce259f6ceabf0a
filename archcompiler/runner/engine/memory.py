"""Whether a run fits into memory, before it starts."""

from __future__ import annotations

import math

import torch

from archcompiler.analysis.demand import Demand, training_demand
from archcompiler.analysis.recompute import Recomputation
from archcompiler.analysis.total import Cost
from archcompiler.diagnostics import Diagnostic
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.model import Folder, Recipe
from archcompiler.runner.system.failures import smaller_parts
from archcompiler.runner.system.hardware import Hardware
from archcompiler.runner.system.memory import (
    AHEAD,
    AHEAD_IN_TESTS,
    Memory,
    check_memory,
    check_shared,
)
from archcompiler.runner.system.place import Place


def require_memory(
    recipe: Recipe,
    plan: Recomputation | None,
    cost: Cost,
    image: tuple[int, int, int],
    hardware: Hardware,
    place: Place,
    strategy: Strategy,
) -> list[Diagnostic]:
    """W720 if little memory is free for a step. Raises CompileError E709 or E722 if there cannot be
    enough of it, or of what worker processes hand images over in.
    """
    own, parts = recipe.batch_size // place.size, recipe.speed.accumulate

    def demand(images: int) -> Demand:
        return training_demand(
            cost,
            images=images,
            averages=recipe.optimizer.averages,
            average=recipe.ema > 0,
            half=hardware.precision is not torch.float32,
            kept=None if plan is None else plan.image_bytes,
            recomputed=recipe.speed.checkpointing or hardware.compile,
            shards=place.size if strategy == "fully_shard" else 1,
        )

    if isinstance(recipe.data, Folder):
        tested = max(recipe.evaluation_batch // place.size, 1)
        ready = (own // parts * AHEAD + tested * AHEAD_IN_TESTS) * math.prod(image)
        check_shared(ready * place.local_size, recipe.data.workers or 0)
    memory, where = hardware.room()
    if hardware.device.type == "cpu":
        memory = Memory(memory.total // place.local_size, memory.free // place.local_size)
    fitting = (n for n in range(parts, own + 1) if own % n == 0)
    fits = next((n for n in fitting if demand(own // n).total <= memory.free), None)
    settings = (
        smaller_parts(recipe, place.size)
        if fits is None
        else f"`--set speed.accumulate={fits}` computes the same batch in parts that fit"
    )
    return check_memory(demand(own // parts), memory, where, own // parts, settings)
