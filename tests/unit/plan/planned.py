"""Plans of one network, for tests."""

from __future__ import annotations

from typing import Any

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.roofline import accelerator
from archcompiler.plan.planning import Machines, make_plan
from archcompiler.runner.recipe.loading import load_recipe

NETWORK = archcompiler.compile("attention56_cifar")
COST = network_cost(NETWORK.graph)


def plan(recipe: str = "cifar_paper", *settings: str, **options: Any):  # type: ignore[no-untyped-def]
    machines = Machines(
        options.pop("processes", 1),
        options.pop("strategy", "ddp"),
        accelerator(options.pop("device")) if "device" in options else None,
    )
    return make_plan(NETWORK, load_recipe(recipe, settings), machines, **options)
