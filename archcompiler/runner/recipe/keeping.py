"""What a recipe's `speed.memory` comes to for a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from archcompiler.analysis.budget import NoRoom, fitting, keeping, least_share
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.peak import step_memory
from archcompiler.analysis.planner import TooLittle
from archcompiler.analysis.recompute import Recomputation
from archcompiler.analysis.state_memory import state_memory
from archcompiler.diagnostics import CompileError, error
from archcompiler.ir import Graph
from archcompiler.ops.base import Autocast
from archcompiler.ops.cost import BYTES
from archcompiler.runner.recipe.limits import is_size, share, size
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Recipe, Speed
from archcompiler.runner.recipe.shards import held_sums, replicas

CHEAP: Final = 0.75
"""The share that is kept by default: no convolution is computed twice for it."""
LITTLE: Final = 512e6
"""Bytes of the maps of a step below which `auto` makes none again: they are not worth the time."""


def planned(
    loaded: LoadedRecipe,
    recipe: Recipe,
    graph: Graph,
    *,
    autocast: Autocast | None,
    compiled: bool,
    processes: int = 1,
    sharded: bool = False,
    close: bool = False,
) -> Recomputation | None:
    """What is made again as `speed.memory` says; None where all that is usual is kept.

    A share that nobody has asked for is kept with the least work or with about as little as is
    `close` to it: a run starts, and a plan is shown, sooner. Of a run by the `autocast` of a device
    or in float32, whose network is `compiled` or not, on so many processes, each of which has the
    whole network or, `sharded`, a part. Raises CompileError E702 where no plan keeps so little.
    """
    speed, limit = recipe.speed, recipe.speed.memory
    if speed.checkpointing or (limit == "auto" and compiled):
        return None
    parts, shards = speed.accumulate, processes if sharded else 1
    images = max(1, recipe.batch_size // (replicas(speed, processes) * parts))
    cost = network_cost(graph)
    usual = cost.saved_image_bytes * images / (2 if autocast else 1)
    if limit == "auto" and usual < LITTLE:
        return None
    state = state_memory(
        cost,
        averages=recipe.optimizer.averages,
        average=recipe.ema > 0,
        shards=shards,
    )
    there = state.total + images * image_bytes(graph)
    # As if one process had all shards: what is made again is the same on any number of them.
    there += held_sums(speed, 1) * cost.params * BYTES

    def peak(plan: Recomputation) -> int:
        step = step_memory(
            graph,
            autocast=autocast,
            plan=plan,
            accumulated=has_all_gradients(speed, parts, processes, sharded),
            shards=shards,
        )
        return there + step.peak(images)

    most = 1.0
    if is_size(limit):
        left = size(limit) - there
        if left <= 0:
            least = f"weights, what the optimizer holds, and images alone take {_megabytes(there)}"
            weights = there - images * image_bytes(graph)
            raise _too_little(loaded, limit, least, fewer=weights < size(limit))
        most = min(left / usual, most)
    # The parameters of a block that is sharded are whole in its own backward pass alone.
    return _plan_for(loaded, graph, limit, peak, most, apart=sharded, close=close)


def has_all_gradients(speed: Speed, parts: int, processes: int, sharded: bool) -> bool:
    """Whether gradients of all parameters are there from the first moment of a step: those of the
    parts before, or the buckets of `ddp`, which stay.
    """
    return parts > 1 or (processes > 1 and not sharded and not speed.shards)


def image_bytes(graph: Graph) -> int:
    """Of an image that the network is given, and its label."""
    return BYTES * graph.input.numel + 8


def _plan_for(
    loaded: LoadedRecipe,
    graph: Graph,
    limit: str,
    peak: Callable[[Recomputation], int],
    most: float,
    *,
    apart: bool,
    close: bool,
) -> Recomputation | None:
    """The plan with least work for a limit. `peak` says what a step with one takes in bytes, and
    `most` the share of the maps for which a size has room.
    """
    wanted = CHEAP if limit == "auto" else share(limit)
    try:
        if wanted is not None:
            plan = keeping(graph, wanted, apart=apart, close=close or limit == "auto")
        else:
            plan = fitting(graph, size(limit), peak, apart=apart, most=most)
    except TooLittle as exc:
        if limit == "auto":
            return None
        least = f"this network keeps at least {least_share(graph, exc):.1%}"
        raise _too_little(loaded, limit, least, fewer=False) from None
    except NoRoom as exc:
        least = f"a step takes {_megabytes(exc.least)} with the least that was found"
        raise _too_little(loaded, limit, least, fewer=True) from None
    return plan if plan.blocks else None


def _megabytes(count: int) -> str:
    return f"{-(-count // 10**6):,} MB"


def _too_little(loaded: LoadedRecipe, limit: str, why: str, *, fewer: bool) -> CompileError:
    """`fewer` says whether it may be enough for fewer images."""
    return CompileError(
        error(
            "E702",
            f"`memory` of {limit} is too little",
            loaded.span(("speed", "memory")),
            notes=(why,),
            help="fewer images at a time take less: `speed.accumulate`" if fewer else None,
        )
    )
