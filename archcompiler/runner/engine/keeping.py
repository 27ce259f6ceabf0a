"""What a run keeps for its backward passes."""

from __future__ import annotations

from archcompiler.analysis.recompute import Recomputation, usual_bytes
from archcompiler.ir import Graph
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.keeping import planned
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import SettledRecipe
from archcompiler.runner.system.hardware import Hardware
from archcompiler.runner.system.place import Place


def planned_on(
    hardware: Hardware,
    place: Place,
    strategy: Strategy,
    loaded: LoadedRecipe,
    recipe: SettledRecipe,
    graph: Graph,
) -> Recomputation | None:
    """What is made again on this machine; see `planned`."""
    return planned(
        loaded,
        recipe,
        graph,
        autocast=hardware.casts,
        compiled=hardware.compile,
        processes=place.size,
        sharded=strategy == "fully_shard" and place.size > 1,
    )


def kept_share(graph: Graph, plan: Recomputation | None) -> float:
    """The share of the usual that a plan keeps."""
    return 1.0 if plan is None else plan.image_bytes / usual_bytes(graph)
