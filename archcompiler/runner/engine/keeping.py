"""What a run keeps for its backward passes."""

from __future__ import annotations

from typing import Final

import torch

from archcompiler.analysis.costs import CostModel, total
from archcompiler.analysis.peak import step_memory
from archcompiler.analysis.recompute import Recomputation, recomputed
from archcompiler.analysis.state_memory import state_memory
from archcompiler.ir import Graph
from archcompiler.ops.cost import BYTES
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.keeping import plan_for
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import SettledRecipe
from archcompiler.runner.recipe.shards import held_sums, replicas
from archcompiler.runner.system.hardware import Hardware
from archcompiler.runner.system.place import Place

LITTLE: Final = 512e6
"""Bytes of the maps of a step below which `auto` makes none again: they are not worth the time."""


def planned(
    loaded: LoadedRecipe,
    recipe: SettledRecipe,
    graph: Graph,
    hardware: Hardware,
    place: Place,
    strategy: Strategy,
) -> Recomputation | None:
    """What is made again as `speed.memory` says; None where all that is usual is kept.

    Raises CompileError E702 where no plan keeps so little.
    """
    limit = recipe.speed.memory
    if recipe.speed.checkpointing or (limit == "auto" and hardware.compile):
        return None
    # The parameters of a block that is sharded are whole in its own backward pass alone.
    apart = strategy == "fully_shard" and place.size > 1
    parts, shards = recipe.speed.accumulate, place.size if apart else 1
    images = recipe.batch_size // (replicas(recipe.speed, place.size) * parts)
    half = hardware.precision is not torch.float32
    usual = recomputed(graph, {}).image_bytes * images / (2 if half else 1)
    if limit == "auto" and usual < LITTLE:
        return None
    cost = total(CostModel(graph).network)
    state = state_memory(
        cost,
        averages=recipe.optimizer.averages,
        average=recipe.ema > 0,
        shards=shards,
    )
    there = state.total + images * image_bytes(graph)
    # As if one process had all shards: what is made again is the same on any number of them.
    there += held_sums(recipe.speed, 1) * cost.params * BYTES

    def peak(plan: Recomputation) -> int:
        step = step_memory(
            graph,
            half=half,
            plan=plan,
            accumulated=parts > 1 or (place.size > 1 and not apart and not recipe.speed.shards),
            shards=shards,
        )
        return there + step.peak(images)

    return plan_for(loaded, graph, limit, peak, apart=apart)


def image_bytes(graph: Graph) -> int:
    """Of an image that the network is given, and its label."""
    return BYTES * graph.input.numel + 8


def kept_share(graph: Graph, plan: Recomputation | None) -> float:
    """The share of the usual that a plan keeps."""
    return 1.0 if plan is None else plan.image_bytes / recomputed(graph, {}).image_bytes
