"""What a run that does not fit could do instead, each a setting and the plan that it comes to."""

from __future__ import annotations

from typing import Any, Final

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError
from archcompiler.plan.planning import Machines, Plan, make_plan
from archcompiler.runner.recipe.keeping import CHEAP
from archcompiler.runner.recipe.loading import LoadedRecipe

TRIES: Final = 3
"""Parts of a batch that are tried: gradients that are added up take some room themselves."""


def alternatives(
    network: CompiledNetwork,
    loaded: LoadedRecipe,
    machines: Machines,
    plan: Plan,
    *,
    images: int | None = None,
) -> dict[str, Plan]:
    """By setting: the batch in the fewest parts that fit, less that is kept, and checkpointing.

    The first two are only of a run that does not fit, and none is of what the recipe has settled.
    """
    speed = plan.recipe.speed
    found: dict[str, Plan] = {}

    def take(setting: str, **changes: Any) -> Plan | None:
        try:
            found[setting] = make_plan(network, loaded, machines, images=images, speed=changes)
        except CompileError:  # as there is no plan that keeps so little
            return None
        return found[setting]

    if not plan.fits and plan.most:
        whole = plan.part * speed.accumulate
        parts = (n for n in range(2, whole + 1) if whole % n == 0 and whole // n <= plan.most)
        for _, count in zip(range(TRIES), parts, strict=False):
            setting = f"speed.accumulate={count}"
            tried = take(setting, accumulate=count)
            if tried is not None and tried.fits:
                break
            found.pop(setting, None)
    if speed.memory == "auto" and not speed.checkpointing:
        if not plan.fits and plan.again is None:
            take(f"speed.memory={CHEAP:.0%}", memory=f"{CHEAP:.0%}")
        if not speed.sync_bn:
            take("speed.checkpointing=true", checkpointing=True)
    return found
