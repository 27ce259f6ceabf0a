"""From a network, a recipe and machines to what a step needs; imports no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.moments import Moment, StepMemory
from archcompiler.analysis.peak import step_memory
from archcompiler.analysis.recompute import Recomputation
from archcompiler.analysis.roofline import Accelerator, Precision
from archcompiler.analysis.state_memory import state_memory
from archcompiler.analysis.step_time import again_seconds, forward_seconds, training_seconds
from archcompiler.compiler import CompiledNetwork
from archcompiler.ops.cost import BYTES
from archcompiler.runner.data.fitting import require_usual_fit
from archcompiler.runner.recipe.batches import require_batches
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.keeping import has_all_gradients, image_bytes, planned
from archcompiler.runner.recipe.limits import is_size
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Recipe, SettledRecipe
from archcompiler.runner.recipe.settling import settle_recipe, usual_batch
from archcompiler.runner.recipe.shards import held_sums, replicas, require_shards

GB: Final = 2**30
TRAINING_IMAGES: Final = {
    "embedded": 10_000,
    "fashion_mnist": 60_000,
    "cifar10": 50_000,
    "cifar100": 50_000,
}
"""Of data sets that are always the same, and of each class as many as of another."""
_CLASSES: Final = {"embedded": 10, "fashion_mnist": 10, "cifar10": 10, "cifar100": 100}


@dataclass(frozen=True)
class Machines:
    """What a run is on."""

    processes: int = 1
    strategy: Strategy = "ddp"
    accelerator: Accelerator | None = None

    @property
    def sharded(self) -> bool:
        return self.processes > 1 and self.strategy == "fully_shard"


@dataclass(frozen=True)
class Plan:
    """Of one process, in bytes and seconds."""

    network: CompiledNetwork
    recipe: Recipe
    machines: Machines
    batch: int
    """Images a step, over all processes and parts."""
    part: int
    """Of them, those that one process has at a time."""
    parts: int
    """How many such parts one process has a step, of all its shards."""
    half: bool
    """Whether maps have 16 bits."""
    weights: int
    """Parameters and buffers in float32, or a shard of the parameters."""
    optimizer: int
    average: int
    """The moving average of parameters and buffers."""
    sums: int
    """Gradients of shards that wait to be added to those of another."""
    images: int
    """Of a part, and their labels."""
    step: StepMemory
    again: Recomputation | None
    """What is made again in a backward pass."""
    seconds: float | None
    """Of a step, each operator by its roofline; None where no accelerator was named."""
    iterations: int | None
    """Of the run; None where nobody says how many images an epoch has."""

    @property
    def fixed(self) -> int:
        """What is there whatever the part."""
        return self.weights + self.optimizer + self.average + self.sums

    @property
    def highest(self) -> Moment:
        return self.step.highest(self.part)

    @property
    def peak(self) -> int:
        """Bytes of all at the highest moment of a step."""
        return self.fixed + self.images + self.step.peak(self.part)

    @property
    def room(self) -> int | None:
        """Bytes of the accelerator."""
        accelerator = self.machines.accelerator
        return None if accelerator is None else accelerator.memory * GB

    @property
    def fits(self) -> bool:
        return self.room is None or self.peak <= self.room

    @property
    def most(self) -> int | None:
        """The largest part that fits; 0 if none does. None where `speed.memory` says a size: for
        each part another plan keeps to it.
        """
        if self.room is None or is_size(self.recipe.speed.memory):
            return None
        return self.step.most(self.room - self.fixed, self.images // self.part)


def make_plan(
    network: CompiledNetwork,
    loaded: LoadedRecipe,
    machines: Machines,
    *,
    images: int | None = None,
    speed: Mapping[str, object] | None = None,
) -> Plan:
    """The plan of a run with `images` training images, where the recipe's data do not say.

    Keys of `speed` stand in place of the recipe's: of what nobody has asked for yet a plan with
    about the least work will do. Raises CompileError E702 for too many
    iterations, for `speed.memory` that is too little, or for a batch or shards that cannot be split
    over the processes, E703 for a data set that is not for the network, and E707 for shards on an
    accelerator that does not repeat to the bit.
    """
    require_usual_fit(loaded, network.spec)
    device = None if machines.accelerator is None else "cuda"
    require_shards(loaded, machines.processes, machines.strategy, device)
    recipe, iterations = _settled(network, loaded, machines, images)
    if speed is not None:
        changed = recipe.speed.model_copy(update=dict(speed))
        recipe = recipe.model_copy(update={"speed": changed})
    require_batches(loaded, recipe, network.graph, machines.processes)
    return _planned(network, loaded, recipe, machines, iterations, close=speed is not None)


def _planned(
    network: CompiledNetwork,
    loaded: LoadedRecipe,
    recipe: Recipe | SettledRecipe,
    machines: Machines,
    iterations: int | None,
    *,
    close: bool,
) -> Plan:
    speed, processes = recipe.speed, machines.processes
    count = replicas(speed, processes)
    part = recipe.batch_size // (count * speed.accumulate)
    parts = speed.accumulate * count // processes
    precision = speed.precision
    accelerator = machines.accelerator
    half = precision in ("bfloat16", "float16") or (
        precision == "auto" and accelerator is not None and accelerator.bfloat16
    )
    compiled = speed.compile not in ("auto", "off") or (
        speed.compile == "auto" and accelerator is not None and not speed.deterministic
    )
    graph, cost = network.graph, network_cost(network.graph)
    shards = processes if machines.sharded else 1
    state = state_memory(
        cost,
        averages=recipe.optimizer.averages,
        average=recipe.ema > 0,
        shards=shards,
    )
    again = planned(
        loaded,
        recipe,
        graph,
        autocast="cuda" if half else None,
        compiled=compiled,
        processes=processes,
        sharded=machines.sharded,
        close=close,
    )
    step = step_memory(
        graph,
        autocast="cuda" if half else None,
        checkpointing=speed.checkpointing,
        plan=again,
        accumulated=has_all_gradients(speed, speed.accumulate, processes, machines.sharded),
        shards=shards,
    )
    seconds = None
    if accelerator is not None:
        width: Precision = "half" if half else "single"
        if speed.tf32 and not speed.deterministic and accelerator.tf32 is not None:
            # Products of float32 are then rounded to it.
            accelerator = replace(accelerator, single=accelerator.tf32)
        ran = accelerator, width, part
        seconds = training_seconds(graph, *ran)
        if speed.checkpointing:
            seconds += forward_seconds(graph, *ran)
        if again is not None:
            seconds += again_seconds(again, *ran)
        seconds *= parts
    return Plan(
        network,
        recipe,
        machines,
        recipe.batch_size,
        part,
        parts,
        half,
        state.weights,
        state.optimizer,
        state.average,
        held_sums(speed, processes) * cost.params * BYTES,
        part * image_bytes(graph),
        step,
        again,
        seconds,
        iterations,
    )


def training_images(data: str, validation: float) -> int:
    """Those that are left where a share of each class is held back, as `divide` does it."""
    classes = _CLASSES[data]
    each = TRAINING_IMAGES[data] // classes
    held = min(max(round(each * validation), 1), each - 1) if validation else 0
    return classes * (each - held)


def _settled(
    network: CompiledNetwork,
    loaded: LoadedRecipe,
    machines: Machines,
    images: int | None,
) -> tuple[Recipe | SettledRecipe, int | None]:
    recipe = loaded.recipe
    count = images
    if count is None and recipe.data.type in TRAINING_IMAGES:
        count = training_images(recipe.data.type, recipe.data.validation)
    processes = replicas(recipe.speed, machines.processes)
    if count is None:
        batch = usual_batch(loaded, None, recipe.speed.accumulate * processes)
        return recipe.model_copy(update={"batch_size": batch}), recipe.iterations
    settled = settle_recipe(loaded, count, network.spec.input[0], processes)
    return settled, settled.iterations
