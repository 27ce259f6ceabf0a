"""What a run keeps for its backward passes."""

from __future__ import annotations

import torch

from archcompiler.analysis.budget import fitting, keeping, least_share
from archcompiler.analysis.costs import CostModel, total
from archcompiler.analysis.demand import training_demand
from archcompiler.analysis.peak import step_memory
from archcompiler.analysis.recompute import Recomputation, TooLittle, recomputed
from archcompiler.diagnostics import CompileError, error
from archcompiler.ir import Graph
from archcompiler.ops.cost import BYTES
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.limits import share, size
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import SettledRecipe
from archcompiler.runner.system.hardware import Hardware
from archcompiler.runner.system.place import Place

CHEAP = 0.75
"""Share that is kept by default: for it no convolution is computed twice."""


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
    wanted = CHEAP if limit == "auto" else share(limit)
    try:
        if wanted is not None:
            plan = keeping(graph, wanted, apart=apart)
        else:
            found = _fitting(recipe, graph, hardware, place, apart)
            if found is None:
                raise _too_little(loaded, limit, "no plan of what to make again fits into it")
            plan = found
    except TooLittle as exc:
        if limit == "auto":
            return None
        least = f"this network keeps at least {least_share(graph, exc):.1%}"
        raise _too_little(loaded, limit, least) from None
    return plan if plan.blocks else None


def kept_share(graph: Graph, plan: Recomputation | None) -> float:
    """The share of the usual that a plan keeps."""
    return 1.0 if plan is None else plan.image_bytes / recomputed(graph, {}).image_bytes


def _fitting(
    recipe: SettledRecipe, graph: Graph, hardware: Hardware, place: Place, apart: bool
) -> Recomputation | None:
    cost = total(CostModel(graph).network)
    parts = recipe.speed.accumulate
    images = recipe.batch_size // (place.size * parts)
    shards = place.size if apart else 1
    still = training_demand(
        cost,
        images=0,
        averages=recipe.optimizer.averages,
        average=recipe.ema > 0,
        shards=shards,
    )
    there = still.weights + still.optimizer + still.average
    there += images * (BYTES * graph.input.numel + 8)

    def peak(plan: Recomputation) -> int:
        step = step_memory(
            graph,
            half=hardware.precision is not torch.float32,
            plan=plan,
            accumulated=parts > 1 or (place.size > 1 and not apart),
            shards=shards,
        )
        return there + step.peak(images)

    return fitting(graph, size(recipe.speed.memory), peak, apart=apart)


def _too_little(loaded: LoadedRecipe, limit: str, why: str) -> CompileError:
    return CompileError(
        error(
            "E702",
            f"`memory` of {limit} is too little",
            loaded.span(("speed", "memory")),
            notes=(why,),
            help="`archcompiler plan` says what a step takes; fewer images at a time take less: "
            "`speed.accumulate`",
        )
    )
