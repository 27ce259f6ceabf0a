"""What can be said of a recipe and a network before there are data or a device."""

from __future__ import annotations

from archcompiler.compiler import CompiledNetwork
from archcompiler.runner.recipe.batches import require_batches
from archcompiler.runner.recipe.keeping import planned
from archcompiler.runner.recipe.limits import share
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.settling import usual_batch
from archcompiler.runner.recipe.shards import replicas


def require_possible(network: CompiledNetwork, loaded: LoadedRecipe) -> None:
    """Raise CompileError E702 for a recipe by which the network cannot be trained anywhere.

    That is so where one process cannot: several have fewer images each. What a size of `memory`
    comes to is left to the device.
    """
    recipe, graph = loaded.recipe, network.graph
    batch = usual_batch(loaded, None, recipe.speed.accumulate * replicas(recipe.speed, 1))
    recipe = recipe.model_copy(update={"batch_size": batch})
    require_batches(loaded, recipe, graph, 1)
    if share(recipe.speed.memory) is not None:
        planned(loaded, recipe, graph, autocast=None, compiled=False)
