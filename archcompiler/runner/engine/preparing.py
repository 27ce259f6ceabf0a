"""What a run has before its folder is made: hardware, data, and a plan that fits."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.analysis.channels_last import narrow_strided
from archcompiler.analysis.recompute import Recomputation
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import Diagnostic
from archcompiler.runner.data.opening import OpenedData, open_data, with_workers
from archcompiler.runner.engine.compiling import repeats_much
from archcompiler.runner.engine.keeping import planned_on
from archcompiler.runner.engine.memory import require_memory
from archcompiler.runner.recipe.batches import require_batches
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Folder, SettledRecipe
from archcompiler.runner.recipe.settling import settle_recipe
from archcompiler.runner.recipe.shards import replicas, require_shards
from archcompiler.runner.system.failures import explained
from archcompiler.runner.system.hardware import Hardware, resolve_device, settle
from archcompiler.runner.system.place import ALONE, Place


@dataclass(frozen=True)
class Prepared:
    """Of one process."""

    data: OpenedData
    settled: SettledRecipe
    """The recipe for any hardware."""
    recipe: SettledRecipe
    """With every `auto` settled too."""
    plan: Recomputation | None
    """What is made again in a backward pass."""
    warnings: tuple[Diagnostic, ...]


def hardware_for(
    network: CompiledNetwork, loaded: LoadedRecipe, here: Place, strategy: Strategy
) -> Hardware:
    """What a process computes on, with torch's switches set. Raises CompileError E702 or E707."""
    device = resolve_device(loaded.recipe.device, here)
    require_shards(loaded, here.size, strategy, device.type)
    graph = network.graph
    return settle(
        loaded,
        device,
        here.size,
        repeats_much=repeats_much(graph),
        narrow=narrow_strided(graph),
    )


def prepare(
    network: CompiledNetwork,
    loaded: LoadedRecipe,
    hardware: Hardware,
    here: Place,
    strategy: Strategy,
) -> Prepared:
    """Open the data and plan the steps. Raises CompileError: E702 to E704, E709 or E722."""
    spec, graph, count = network.spec, network.graph, replicas(loaded.recipe.speed, here.size)
    data = open_data(loaded, spec, hardware.device)
    settled = settle_recipe(loaded, len(data.train), spec.input[0], count)
    require_batches(loaded, settled, graph, here.size)
    recipe = _on_hardware(settled, hardware)
    plan = planned_on(hardware, here, strategy, loaded, recipe, graph)
    scarce = require_memory(recipe, plan, graph, data.train.shape, hardware, here, strategy)
    return Prepared(data, settled, recipe, plan, tuple(scarce))


def require_trainable(network: CompiledNetwork, loaded: LoadedRecipe) -> None:
    """Raise the CompileError by which this process alone could not begin to train."""
    hardware = hardware_for(network, loaded, ALONE, "ddp")
    with hardware.computing(), explained(loaded.recipe):
        prepare(network, loaded, hardware, ALONE, "ddp")


def _on_hardware(recipe: SettledRecipe, hardware: Hardware) -> SettledRecipe:
    """The recipe with every `auto` replaced by what it stands for here."""
    data = recipe.data
    return recipe.model_copy(
        update={
            "device": hardware.device.type,
            "speed": hardware.speed(recipe.speed),
            "data": with_workers(data) if isinstance(data, Folder) else data,
        }
    )
