"""A training run from its spec and recipe to its folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from archcompiler.analysis.costs import CostModel, total
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, Diagnostic, error, warning
from archcompiler.runner.checkpoint import Checkpoints, Contents, read
from archcompiler.runner.curves import write_curves
from archcompiler.runner.data.opening import open_data
from archcompiler.runner.distributed import Strategy, World, distribute, joined, read_world, warm_up
from archcompiler.runner.failures import explained
from archcompiler.runner.folder import RunFolder
from archcompiler.runner.hardware import Hardware, resolve_device, settle
from archcompiler.runner.loading import LoadedRecipe
from archcompiler.runner.loop import Loop, diverged
from archcompiler.runner.metrics import Metrics, Row, read_metrics, table_text
from archcompiler.runner.optimizer import MovingAverage, make_optimizer
from archcompiler.runner.progress import Progress, duration
from archcompiler.runner.randomness import Stream, word
from archcompiler.runner.recipe import Recipe
from archcompiler.runner.signals import GRACE, StopSignals
from archcompiler.runner.state import TrainingState
from archcompiler.runner.tensorboard import Board


@dataclass(frozen=True)
class Job:
    """What to train, how and where to."""

    network: CompiledNetwork
    loaded: LoadedRecipe
    folder: RunFolder
    resume: bool = False
    strategy: Strategy = "ddp"
    tensorboard: bool = False
    quiet: bool = False
    warn: Callable[[Sequence[Diagnostic]], object] | None = None
    """Told of corrupt checkpoints and the like before the run goes on."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    finished: bool
    """False if a signal stopped it."""
    iteration: int
    warnings: tuple[Diagnostic, ...] = ()


def train(job: Job) -> Outcome:
    """Train, in this process and whatever others torchrun has started.

    Raises CompileError with what stopped the run: E703 to E711.
    """
    start = time.perf_counter()
    here = read_world()
    device = resolve_device(job.loaded.recipe.device, here.local_rank)
    hardware = settle(job.loaded, device)
    _require_whole_parts(job.loaded, here)
    grace = GRACE if here.size > 1 else None
    with (
        StopSignals(grace=grace) as signals,
        explained(job.loaded.recipe),
        joined(here, device) as world,
    ):
        return _Run(job, hardware, world, start).train(signals)


class _Run:
    """One process's run; it listens to the loop."""

    def __init__(self, job: Job, hardware: Hardware, world: World, start: float) -> None:
        self.job = job
        self.world = world
        self.start = start
        self.warnings: list[Diagnostic] = []
        loaded, folder = job.loaded, job.folder
        recipe = loaded.recipe
        self.recipe = recipe.model_copy(
            update={"device": hardware.device.type, "speed": hardware.speed(recipe.speed)}
        )
        data = open_data(loaded, job.network.spec, hardware.device)
        self.checkpoints = Checkpoints(folder.checkpoints, recipe.keep)
        contents = self._checkpoint() if job.resume else None
        if world.first:
            folder.prepare(job.network, self.recipe)
        self.metrics = Metrics(folder.metrics if world.first else None)
        self.state, model = self._build(hardware)
        if contents is not None:
            self.state.load(contents, world)
            self._warn_of_other_world(contents)
        self.metrics.rewind(self.state.iteration)
        self.board = Board(folder.path if job.tensorboard and world.first else None)
        self.progress = Progress(
            recipe.iterations, self.state.iteration, silent=job.quiet or not world.first
        )
        macs = total(CostModel(job.network.graph).network).macs
        self.loop = Loop(self.recipe, self.state, model, data, hardware, world, self, macs)
        first = (
            next(data.train.batches(self.loop.parts, self.state.iteration))
            if world.size > 1
            else None
        )
        warm_up(model, lambda: self.loop.forward(first)[0] if first else torch.zeros(()))

    def train(self, signals: StopSignals) -> Outcome:
        """Run the loop and leave the folder complete."""
        recipe, state, say = self.recipe, self.state, self.progress.say
        processes = f", {self.world.size} processes" if self.world.size > 1 else ""
        say(
            f"{self.job.network.name} on {recipe.data.type}, {recipe.device}{processes}, "
            f"{recipe.speed.precision}: iterations {state.iteration} to {recipe.iterations}, "
            f"{self.job.folder.path}"
        )
        if self.warnings and self.job.warn is not None:
            self.job.warn(self.warnings)
        self._from = state.iteration
        with self.progress:
            finished = self.loop.run(signals) if state.iteration < recipe.iterations else True
        if self.world.first:
            self._finish()
        if finished:
            best = state.best
            say(
                f"done in {duration(time.perf_counter() - self.start)}"
                + (
                    f"; best accuracy {best.accuracy:.2%} at iteration {best.iteration}"
                    if best
                    else ""
                )
            )
        else:
            say(f"stopped after iteration {state.iteration}; go on with `--resume`")
        self.board.close()
        return Outcome(finished, state.iteration, tuple(self.warnings))

    def step(self, done: int) -> None:
        """See `Listener`."""
        self.progress.step(done)
        if done == self._from + 1:
            self.progress.say(f"first step after {time.perf_counter() - self.start:.1f} s")

    def measured(self, row: Row) -> None:
        """See `Listener`."""
        self.metrics.add(row)
        self.board.add(row)
        if row["split"] == "train":
            self._latest = row
            self.progress.numbers(_numbers(row))
        else:
            self.progress.say(
                f"iteration {row['iteration']}/{self.recipe.iterations}"
                + (f"  {_numbers(self._latest)}" if hasattr(self, "_latest") else "")
                + f"  test loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}"
            )

    def save(self, *, best: bool) -> None:
        """See `Listener`. Raises CompileError E708 or E710 in every process."""
        pending = self.loop.losses()
        contents = self.state.contents(self.world)
        finite = all(t.isfinite().all() for t in contents.get("model", {}).values())
        if self.world.any(not finite):
            raise diverged(self.state.iteration)
        problem: CompileError | None = None
        if self.world.first:
            contents |= {"pending": pending, "spec_sha256": self.job.network.loaded.sha256}
            contents |= {"recipe": self.recipe.model_dump_json(), "processes": self.world.size}
            try:
                self.checkpoints.save(contents, best=best)
                self._finish()
            except CompileError as exc:
                problem = exc
        problem = self.world.share(problem)
        if problem is not None:
            raise problem

    def _finish(self) -> None:
        """What is derived from the metrics."""
        rows = read_metrics(self.job.folder.metrics)
        self.job.folder.write_text(self.job.folder.table, table_text(rows))
        write_curves(rows, self.job.network.name, self.job.folder)

    def _build(self, hardware: Hardware) -> tuple[TrainingState, torch.nn.Module]:
        recipe, device = self.recipe, hardware.device
        torch.manual_seed(word(recipe.seed, Stream.INIT, 0, 0))
        network = self.job.network.module(checkpointing=recipe.speed.checkpointing)
        # fully_shard takes parameters in the plain memory order only; activations have their own.
        sharded = self.job.strategy == "fully_shard" and self.world.size > 1
        order = torch.contiguous_format if sharded else hardware.memory_format
        network = network.to(device, memory_format=order)  # type: ignore[call-overload]
        if recipe.speed.sync_bn:
            network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        if hardware.compile:
            network.compile()
        model = distribute(network, self.world, self.job.strategy, device)
        optimizer = make_optimizer(network, recipe.optimizer, device)
        average = MovingAverage(network, recipe.ema) if recipe.ema else None
        scaled = hardware.precision is torch.float16
        scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        return TrainingState(network, optimizer, average, scaler), model

    def _checkpoint(self) -> Contents | None:
        """The newest whole one; the first process decides which, so that all agree."""
        path: Path | None = None
        problem: CompileError | None = None
        contents: Contents | None = None
        if self.world.first:
            self.checkpoints.sweep()
            try:
                found = self.checkpoints.newest()
            except CompileError as exc:
                found, problem = None, exc
            if found is not None:
                path, contents, self.warnings = found
        path, problem = self.world.share((path, problem))
        if problem is not None:
            raise problem
        if path is None:
            return None
        contents = contents if contents is not None else read(path)
        if self.world.first:
            best = contents["best"]
            self.checkpoints.relink(path, None if best is None else best["iteration"])
        return contents

    def _warn_of_other_world(self, contents: Contents) -> None:
        if contents["processes"] != self.world.size and self.world.first:
            self.warnings.append(
                warning(
                    "W707",
                    f"the checkpoint is of {contents['processes']} processes, "
                    f"this run has {self.world.size}",
                    notes=("it goes on, but not to the bit as it would have",),
                )
            )


def _numbers(row: Row) -> str:
    mfu = f"  MFU {row['mfu']:.1%}" if "mfu" in row else ""
    return (
        f"loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}  "
        f"{row['images_per_second']:,.0f} images/s{mfu}  {duration(row['seconds_left'])} left"
    )


def _require_whole_parts(loaded: LoadedRecipe, world: World) -> None:
    recipe: Recipe = loaded.recipe
    parts = recipe.speed.accumulate * world.size
    if recipe.batch_size % parts:
        raise CompileError(
            error(
                "E702",
                f"a batch of {recipe.batch_size} images cannot be split evenly over "
                f"{world.size} processes with {recipe.speed.accumulate} parts each",
                loaded.span(("batch_size",)),
                help=f"`--set batch_size={-(-recipe.batch_size // parts) * parts}`",
            )
        )
