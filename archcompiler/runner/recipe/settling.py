"""What a recipe leaves to the data: iterations, batch, rate, and the channels of mean and std."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError, error
from archcompiler.runner.recipe.lengths import MOST, in_iterations
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import EPOCHS, Data, Optimizer, Schedule, SettledRecipe

PRINTED: Final = "printed.toml"
"""What a recipe that is printed is called in the command that repeats a run by it."""
FEW_STEPS: Final = 100
"""Fewer teach a network that begins anew little, and are as few for the statistics of BN."""
P = TypeVar("P", Data, Optimizer, Schedule)
_USUAL_STEPS, _FEW_IMAGES = 8, 8
"""Steps that an epoch has at least by a batch that nobody chose, unless it would be of fewer
images than these."""


def settle_recipe(
    loaded: LoadedRecipe, images: int, channels: int, processes: int = 1
) -> SettledRecipe:
    """The recipe for so many training images, with every length in iterations.

    It is the same for a settled recipe. Raises CompileError E702 for too many iterations.
    """
    recipe = loaded.recipe
    batch = usual_batch(loaded, images, recipe.speed.accumulate * processes)
    epoch = -(-images // batch)
    run = recipe.iterations or (recipe.epochs or EPOCHS) * epoch
    if run > MOST:
        message = f"{recipe.epochs:,} epochs are {run:,} iterations; a run has at most {MOST:,}"
        raise CompileError(error("E702", message, loaded.span(("epochs",))))

    def interval(length: int | str) -> int:
        return max(in_iterations(length, epoch, run), 1)

    # Not by way of `validate`: what a file has said is valid, and what is derived is too.
    said = {name: getattr(recipe, name) for name in recipe.model_fields_set - {"epochs"}}
    often = recipe.evaluate_every
    return SettledRecipe.model_validate(
        said
        | {
            "iterations": run,
            "batch_size": batch,
            "checkpoint_every": interval(recipe.checkpoint_every),
            "data": _changed(
                recipe.data,
                mean=_each(recipe.data.mean, channels),
                std=_each(recipe.data.std, channels),
            ),
            "optimizer": _changed(recipe.optimizer, lr=_rate(loaded, batch)),
            "schedule": _schedule(recipe.schedule, epoch, run),
        }
        | ({} if often is None else {"evaluate_every": interval(often)})
    )


def fitted(loaded: LoadedRecipe, settled: SettledRecipe, images: int) -> Iterator[str]:
    """What was written for other data and is another value in this run, a line each."""
    recipe, batch, optimizer = loaded.recipe, settled.batch_size, loaded.recipe.optimizer
    if "batch_size" in recipe.model_fields_set and batch != recipe.batch_size:
        yield f"batch_size {recipe.batch_size} → {batch}: there are {images:,} training images"
    if "lr" in optimizer.model_fields_set and settled.optimizer.lr != optimizer.lr:
        yield (
            f"optimizer.lr {optimizer.lr:g} → {settled.optimizer.lr:g}: {batch} images a step, "
            f"where the recipe is for {recipe.batch_size}"
        )


def few_steps(loaded: LoadedRecipe, settled: SettledRecipe, images: int) -> str | None:
    """What makes more steps of a run that has few, if it is as long as its epochs say."""
    steps = settled.iterations
    if loaded.recipe.iterations is not None or steps >= FEW_STEPS:
        return None
    epoch = -(-images // settled.batch_size)
    epochs = -(-FEW_STEPS // epoch)
    if epochs > 10:
        epochs = -(-epochs // 10) * 10
    count = "1 step is" if steps == 1 else f"{steps} steps are"
    return f"{count} few: `--epochs {epochs}` makes {epochs * epoch}"


def recipe_text(recipe: SettledRecipe) -> str:
    """What was said or found, as a file by which the same run is had again."""
    return toml_text(recipe.model_dump(mode="json", exclude_unset=True, exclude_none=True))


def usual_batch(loaded: LoadedRecipe, images: int | None, parts: int) -> int:
    """Images a step: what the recipe says, or what is usual for so many; None if there are enough.

    It can be computed in so many equal parts. One that was chosen for other data is no larger than
    these.
    """
    recipe, batch = loaded.recipe, loaded.recipe.batch_size
    images = batch * _USUAL_STEPS if images is None else images
    if "batch_size" not in recipe.model_fields_set:
        while batch > _FEW_IMAGES and batch * _USUAL_STEPS > images:
            batch //= 2
    elif not loaded.is_foreign(("batch_size",)):
        return batch
    return max(min(batch, images) // parts * parts, parts)


def _rate(loaded: LoadedRecipe, batch: int) -> float:
    """The rate for a batch of another size than it is for, unless it was chosen for this run.

    The steps of SGD add up, as in Goyal et al. (2017), so that the rate goes with the batch; those
    of adaptive methods do with its square root, as in Malladi et al. (2022). A batch of 8 leaves a
    rate that is linear in it so little that a short run learns nothing: SGD may have the root too.
    """
    recipe, optimizer = loaded.recipe, loaded.recipe.optimizer
    usual = optimizer.usual_batch
    if "lr" in optimizer.model_fields_set:
        usual = recipe.batch_size if loaded.is_foreign(("optimizer", "lr")) else batch
    return float(optimizer.lr * (batch / usual) ** optimizer.power)


def _schedule(schedule: Schedule, epoch: int, run: int) -> Schedule:
    warmup = in_iterations(schedule.warmup, epoch, run)
    if schedule.type == "cosine":
        return _changed(schedule, warmup=warmup)
    at = tuple(sorted(in_iterations(length, epoch, run) for length in schedule.at))
    return _changed(schedule, warmup=warmup, at=at)


def _each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values


def _changed(part: P, **values: object) -> P:
    changed: P = part.model_copy(update={"type": part.type, **values})
    return changed
