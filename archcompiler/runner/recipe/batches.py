"""Whether the batches of a recipe can be computed by so many processes."""

from __future__ import annotations

from archcompiler.config.base import MOST
from archcompiler.diagnostics import CompileError, error
from archcompiler.ir import Graph
from archcompiler.ops.norm import BatchNorm
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Recipe
from archcompiler.runner.recipe.shards import replicas


def require_batches(loaded: LoadedRecipe, recipe: Recipe, graph: Graph, processes: int) -> None:
    """Raise CompileError E702 unless every process, or shard, has as much of each part of a batch,
    and more of it than BN would have one value of a channel of.
    """
    _require_whole_parts(loaded, recipe, processes)
    _require_several_values(loaded, recipe, graph, processes)


def _require_whole_parts(loaded: LoadedRecipe, recipe: Recipe, processes: int) -> None:
    count = replicas(recipe.speed, processes)
    parts = recipe.speed.accumulate * count
    if recipe.batch_size % parts:
        size = min(-(-recipe.batch_size // parts), MOST // parts) * parts
        raise CompileError(
            error(
                "E702",
                f"a batch of {recipe.batch_size} images cannot be split evenly over "
                f"{count} {'shards' if recipe.speed.shards else 'processes'} with "
                f"{recipe.speed.accumulate} parts each",
                loaded.span(("batch_size",)),
                help=f"`--set batch_size={size}`" if size else None,
            )
        )


def _require_several_values(
    loaded: LoadedRecipe, recipe: Recipe, graph: Graph, processes: int
) -> None:
    parts = recipe.speed.accumulate * replicas(recipe.speed, processes)
    together = processes if recipe.speed.sync_bn else 1
    if recipe.batch_size // parts * together > 1:
        return
    for node in graph.nodes():
        if isinstance(node.op, BatchNorm) and node.type.pixels == 1:
            raise CompileError(
                error(
                    "E702",
                    f"BN at `{node.path}` has maps of one position, and one image at a time",
                    loaded.span(("batch_size",)),
                    notes=("the variance of one value is zero, so that nothing could be learned",),
                    help=f"`--set batch_size={2 * parts}` or more",
                )
            )
