"""What a recipe's `speed.memory` comes to for a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from archcompiler.analysis.budget import fitting, keeping, least_share
from archcompiler.analysis.recompute import Recomputation, TooLittle
from archcompiler.diagnostics import CompileError, error
from archcompiler.ir import Graph
from archcompiler.runner.recipe.limits import share, size
from archcompiler.runner.recipe.loading import LoadedRecipe

CHEAP: Final = 0.75
"""The share that is kept by default: no convolution is computed twice for it."""


def plan_for(
    loaded: LoadedRecipe,
    graph: Graph,
    limit: str,
    peak: Callable[[Recomputation], int],
    *,
    apart: bool,
) -> Recomputation | None:
    """The plan with least work for a limit; None where nothing is made again.

    `peak` says what a step with a plan takes in bytes. Raises CompileError E702 where no plan
    keeps to the limit.
    """
    wanted = CHEAP if limit == "auto" else share(limit)
    try:
        if wanted is not None:
            plan: Recomputation | None = keeping(graph, wanted, apart=apart)
        else:
            plan = fitting(graph, size(limit), peak, apart=apart)
    except TooLittle as exc:
        if limit == "auto":
            return None
        least = f"this network keeps at least {least_share(graph, exc):.1%}"
        raise _too_little(loaded, limit, least) from None
    if plan is None:
        raise _too_little(loaded, limit, "no plan of what to make again fits into it")
    return plan if plan.blocks else None


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
