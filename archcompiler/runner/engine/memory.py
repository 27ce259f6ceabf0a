"""Whether a run fits into memory, before it starts."""

from __future__ import annotations

import math
from functools import cache

from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.moments import StepMemory
from archcompiler.analysis.peak import step_memory
from archcompiler.analysis.recompute import Recomputation
from archcompiler.analysis.state_memory import state_memory
from archcompiler.diagnostics import Diagnostic
from archcompiler.ir import Graph
from archcompiler.ops.cost import BYTES
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.keeping import has_all_gradients, image_bytes
from archcompiler.runner.recipe.model import Folder, Recipe
from archcompiler.runner.recipe.shards import held_sums, replicas
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
    graph: Graph,
    image: tuple[int, int, int],
    hardware: Hardware,
    place: Place,
    strategy: Strategy,
) -> list[Diagnostic]:
    """W720 if little memory is free for a step. Raises CompileError E709 or E722 if there cannot be
    enough of it, or of what worker processes hand images over in.
    """
    count = replicas(recipe.speed, place.size)
    own, parts = recipe.batch_size // count, recipe.speed.accumulate
    sharded = strategy == "fully_shard" and place.size > 1
    cost = network_cost(graph)
    shards = place.size if sharded else 1
    state = state_memory(
        cost, averages=recipe.optimizer.averages, average=recipe.ema > 0, shards=shards
    ).total
    state += held_sums(recipe.speed, place.size) * cost.params * BYTES

    @cache
    def step(accumulated: bool) -> StepMemory:
        return step_memory(
            graph,
            autocast=hardware.casts,
            checkpointing=recipe.speed.checkpointing,
            plan=plan,
            accumulated=accumulated or has_all_gradients(recipe.speed, parts, place.size, sharded),
            shards=shards,
        )

    def need(parts: int) -> int:
        """Bytes of a step in so many parts. What a compiler keeps is for it to say."""
        images = own // parts
        if hardware.compile:
            return state + BYTES * cost.params // shards
        return state + images * image_bytes(graph) + step(parts > 1).peak(images)

    if isinstance(recipe.data, Folder):
        tested = max(recipe.evaluation_batch // count, 1)
        ready = (own // parts * AHEAD + tested * AHEAD_IN_TESTS) * math.prod(image)
        check_shared(ready * place.local_size, recipe.data.workers or 0)
    memory, where = hardware.room()
    if hardware.device.type == "cpu":
        memory = Memory(memory.total // place.local_size, memory.free // place.local_size)
    fitting = (n for n in range(parts, own + 1) if own % n == 0)
    fits = next((n for n in fitting if need(n) <= memory.free), None)
    settings = (
        smaller_parts(recipe, count)
        if fits is None
        else f"`--set speed.accumulate={fits}` computes the same batch in parts that fit"
    )
    kept = 0 if hardware.compile else step(parts > 1).highest(own // parts).kept.of(own // parts)
    return check_memory(need(parts), kept, memory, where, own // parts, settings)
