"""Runs in processes of their own. They are forked from one that has imported PyTorch already."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time

import torch

from archcompiler.runner.training import Job, train

forked = multiprocessing.get_context("forkserver")
# PyTorch imports its compiler for an optimizer, which takes a second of each process.
forked.set_forkserver_preload(["archcompiler.runner.training", "torch._inductor"])


def run_one(job: Job) -> None:
    """Train, as the target of a process."""
    torch.set_num_threads(1)
    train(job)


def run_rank(job: Job, rank: int, world: int, port: int) -> None:
    """Train as one process of several, with the environment that torchrun would give it."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
    }
    run_one(job)


def run_alone(job: Job) -> float:
    """Seconds that a whole run takes in a process of its own."""
    start = time.perf_counter()
    process = forked.Process(target=run_one, args=(job,))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    return time.perf_counter() - start


def run_together(job: Job, world: int = 2) -> None:
    """A whole run in several processes."""
    port = free_port()
    processes = [forked.Process(target=run_rank, args=(job, r, world, port)) for r in range(world)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * world


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        port: int = listener.getsockname()[1]
        return port
