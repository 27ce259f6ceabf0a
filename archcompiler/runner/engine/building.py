"""The network of a new run on its device, with all that a step changes beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from archcompiler.analysis.recompute import Recomputation
from archcompiler.compiler import CompiledNetwork
from archcompiler.runner.data.randomness import Stream, word
from archcompiler.runner.engine.compiling import compile_module
from archcompiler.runner.engine.optimizer import MovingAverage, make_optimizer
from archcompiler.runner.engine.state import TrainingState
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.model import SettledRecipe
from archcompiler.runner.system.distributed import World, distribute
from archcompiler.runner.system.hardware import Hardware


def build_state(
    network: CompiledNetwork,
    recipe: SettledRecipe,
    plan: Recomputation | None,
    weights: Mapping[str, Tensor],
    hardware: Hardware,
    world: World,
    strategy: Strategy,
) -> tuple[TrainingState, nn.Module]:
    """A new run's state, and the module to call in it.

    It begins with these `weights`, and others as the seed draws them. What a `plan` says is made
    again in a backward pass.
    """
    device = hardware.device
    torch.manual_seed(word(recipe.seed, Stream.INIT, 0, 0))
    if plan is None or hardware.compile:
        module = network.module(checkpointing=recipe.speed.checkpointing)
    else:
        module = replace(network, plan=plan).module()
    if weights:
        module.load_state_dict(weights, strict=False)
    sharded = strategy == "fully_shard" and world.size > 1
    module = hardware.take(module, sharded)
    if recipe.speed.sync_bn:
        module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
    if hardware.compile:
        compile_module(module, network.graph, plan, hardware)
    model = distribute(module, world, strategy, device)
    optimizer = make_optimizer(module, recipe.optimizer, device)
    average = MovingAverage(module, recipe.ema) if recipe.ema else None
    scaled = hardware.precision is torch.float16
    scaler = torch.amp.GradScaler(device.type, enabled=scaled)
    return TrainingState(module, optimizer, average, scaler), model
