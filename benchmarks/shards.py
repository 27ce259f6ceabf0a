"""Steps in virtual shards against DDP's, on the same processes.

Two processes of one thread each train the same network on the same batches, in turns: as DDP has
it, and in shards, whose gradients are added up in one order whatever the number of processes. A
round is timed from one barrier to the next, in the first process.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

import torch
import torch.distributed as dist

import archcompiler
from archcompiler.runner.data.opening import open_data
from archcompiler.runner.engine.building import build_state
from archcompiler.runner.engine.loop import Loop
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.recipe.settling import settle_recipe
from archcompiler.runner.recipe.shards import replicas
from archcompiler.runner.system.distributed import World, joined
from archcompiler.runner.system.hardware import settle
from archcompiler.runner.system.place import Place
from benchmarks.runner import Silent
from benchmarks.timing import Comparison, Course, compared, in_turns, seconds

PROCESSES: Final = 2
SHARDS: Final = (2, 4)
SPEC: Final = "attention56_cifar"


def measure(course: Course) -> Iterator[Comparison]:
    """One step of each, in turns."""
    batch, rounds = (8, 1) if course.quick else (128, 2 * course.rounds)
    taken = together(batch, rounds)
    for shards in SHARDS:
        what = f"{SPEC}, {PROCESSES} processes, step of {batch} images in {shards} shards"
        yield compared(what, taken[str(shards)], "DDP", taken["0"], goal=1.1)


def together(batch: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of a step in each round, by the number of shards; 0 is DDP."""
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        port: int = listener.getsockname()[1]
    started = multiprocessing.get_context("spawn")
    here, there = started.Pipe(duplex=False)
    processes = [
        started.Process(
            target=_rank, args=(rank, port, batch, rounds, there if rank == 0 else None)
        )
        for rank in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    there.close()
    try:
        taken: dict[str, list[float]] = here.recv()
    finally:
        for process in processes:
            process.join()
    return taken


def _rank(rank: int, port: int, batch: int, rounds: int, answer: Connection | None) -> None:
    """One of the processes; the first answers."""
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    with joined(Place(rank, PROCESSES), torch.device("cpu")) as world:
        steps = {str(shards): _Steps(world, batch, shards) for shards in (0, *SHARDS)}
        taken = in_turns({name: partial(seconds, step) for name, step in steps.items()}, rounds)
    if answer is not None:
        answer.send(taken)


class _Steps:
    """The runner's own steps, from which evaluations and files are left out."""

    def __init__(self, world: World, batch: int, shards: int) -> None:
        device = torch.device("cpu")
        network = archcompiler.compile(SPEC)
        settings = (f"batch_size={batch}", "iterations=1000000", f"speed.shards={shards}")
        loaded = load_recipe("smoke", (*settings, "speed.precision=float32"))
        hardware = settle(loaded, device)
        data = open_data(loaded, network.spec, device)
        count = replicas(loaded.recipe.speed, world.size)
        recipe = settle_recipe(loaded, len(data.train), network.spec.input[0], count)
        world = replace(world, shards=shards)
        state, model = build_state(network, recipe, None, {}, hardware, world, "ddp")
        self.loop = Loop(recipe, state, model, data, hardware, world, Silent(), 0)
        self.loop.warm_up()
        model.train()
        self.batches = data.train.batches(self.loop.parts, 0)

    def __call__(self) -> None:
        """One step, which ends in all processes at once."""
        dist.barrier()
        self.loop._step(next(self.batches), self.batches)
        self.loop.state.iteration += 1
        self.loop.state.pending.clear()
        dist.barrier()
