"""A training run from its spec and recipe to its folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcompiler.analysis.costs import network_cost
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.data.files import unreadable
from archcompiler.runner.data.fitting import large_batch
from archcompiler.runner.data.opening import OpenedData
from archcompiler.runner.engine.building import build_state
from archcompiler.runner.engine.compiling import amount
from archcompiler.runner.engine.loop import Loop, diverged
from archcompiler.runner.engine.preparing import Prepared, hardware_for, prepare
from archcompiler.runner.engine.state import TrainingState
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import SettledRecipe
from archcompiler.runner.recipe.settling import PRINTED, few_steps, fitted, recipe_text
from archcompiler.runner.recipe.shards import replicas
from archcompiler.runner.report.curves import write_curves
from archcompiler.runner.report.metrics import Metrics, Row, read_metrics, table_text
from archcompiler.runner.report.progress import Progress, duration
from archcompiler.runner.report.tensorboard import Board
from archcompiler.runner.store.checkpoint import Checkpoints, Contents, corrupt, load
from archcompiler.runner.store.contents import BadCheckpointError, require_fit
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.store.lock import locked, unlocked
from archcompiler.runner.store.resuming import TrainedOn, differences, fingerprint
from archcompiler.runner.store.weights import Beginning, begin_with
from archcompiler.runner.system.distributed import World, joined
from archcompiler.runner.system.environment import environment
from archcompiler.runner.system.failures import explained
from archcompiler.runner.system.hardware import Hardware, unrepeatable
from archcompiler.runner.system.place import read_place
from archcompiler.runner.system.signals import GRACE, StopSignals


@dataclass(frozen=True)
class Job:
    """What to train, how and where to."""

    network: CompiledNetwork
    loaded: LoadedRecipe
    folder: RunFolder
    resume: bool = False
    init: Path | None = None
    """Weights to begin with, or `LAYOUT:FILE`, unless there is a checkpoint; see `begin_with`."""
    strategy: Strategy = "ddp"
    tensorboard: bool = False
    quiet: bool = False
    grace: float = GRACE
    """Seconds from SIGTERM to the end of the process, whatever it waits for."""
    repeat: str | None = None
    """The command that gives the same run by the recipe that is printed, saved as `PRINTED`."""
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
    """Train, in this process and whatever others have been started beside it.

    Raises CompileError with what stopped the run: E703 to E721.
    """
    start = time.perf_counter()
    here = read_place()
    hardware = hardware_for(job.network, job.loaded, here, job.strategy)
    count = replicas(job.loaded.recipe.speed, here.size)
    with (
        ExitStack() as last,
        hardware.computing(),
        explained(job.loaded.recipe, count),
        unrepeatable(job.warn if here.first else None),
        joined(here, hardware.device, job.loaded.recipe.speed.shards) as world,
    ):
        # Before the folder is made: there should be none for a mistake.
        ready = prepare(job.network, job.loaded, hardware, here, job.strategy)
        goes_on = job.resume and job.folder.started
        initial = None if goes_on or job.init is None else begin_with(job.init, job.network)
        # Until now one ends the process at once, which has nothing to save.
        signals = last.enter_context(StopSignals(grace=job.grace, several=here.size > 1))
        with explained(ready.recipe, count), _alone(job, world) as warnings:
            large = large_batch(job.loaded, ready.recipe.batch_size, len(ready.data.train))
            slow = hardware.emulated(job.loaded)
            warnings += [*ready.warnings, *slow, *hardware.unknown(), *large]
            run, loop = _Run.start(job, ready, initial, hardware, world, start, warnings)
            return run.train(loop, signals, ready.settled)


@dataclass
class _Run:
    """One process's run; it listens to the loop."""

    job: Job
    recipe: SettledRecipe
    """With every `auto` settled too."""
    world: World
    state: TrainingState
    checkpoints: Checkpoints
    identity: dict[str, Any]
    """See `fingerprint`."""
    metrics: Metrics
    board: Board
    progress: Progress
    began: float
    warnings: list[Diagnostic]
    data: OpenedData
    initial: Beginning | None

    def __post_init__(self) -> None:
        self._first_step = self.state.iteration + 1
        self._latest: Row | None = None

    @classmethod
    def start(
        cls,
        job: Job,
        ready: Prepared,
        initial: Beginning | None,
        hardware: Hardware,
        world: World,
        began: float,
        warnings: list[Diagnostic],
    ) -> tuple[_Run, Loop]:
        """Find the checkpoint, build the network, and take up where it was."""
        loaded, folder, recipe, data = job.loaded, job.folder, ready.recipe, ready.data
        identity = fingerprint(
            job.network,
            recipe,
            TrainedOn(len(data.train), data.train.fingerprint(), data.train.classes),
            world.replicas,
            job.strategy,
        )
        checkpoints = Checkpoints(folder.checkpoints, recipe.keep)
        contents, passed = _found(checkpoints, world) if job.resume else (None, [])
        warnings += [*passed, *data.warnings]
        if contents is not None:
            warnings += differences(loaded, contents, identity)
            identity["initial"] = contents.get("initial")
        elif initial is not None:
            identity["initial"] = initial.record
            warnings += initial.inherited(data.train.classes)
        if world.first:
            done = 0 if contents is None else contents["iteration"]
            here = {"iteration": done, **environment(hardware.device, world.size)}
            of = {
                name: identity[name]
                for name in ("spec_sha256", "images", "data_sha256", "classes", "initial")
            }
            of["chosen_on"] = data.split
            warnings += folder.prepare(job.network, recipe, of, here)
        taken = {} if initial is None else initial.taken
        state, model = build_state(
            job.network, recipe, ready.plan, taken, hardware, world, job.strategy
        )
        if contents is not None:
            try:
                require_fit(contents, state.network)
            except BadCheckpointError as exc:
                raise CompileError(corrupt(checkpoints.last, exc)) from None
            state.load(contents, world)
        metrics = Metrics(folder if world.first else None)
        warnings += metrics.rewind(state.iteration)
        board = Board(folder.path if job.tensorboard and world.first else None, state.iteration)
        silent = job.quiet or not world.first
        progress = Progress(recipe.iterations, state.iteration, what="iteration", silent=silent)
        run = cls(
            job, recipe, world, state, checkpoints, identity, metrics, board, progress, began,
            warnings, data, initial,
        )  # fmt: skip
        macs = network_cost(job.network.graph).macs
        loop = Loop(recipe, state, model, data, hardware, world, run, macs)
        loop.warm_up()
        return run, loop

    def train(self, loop: Loop, signals: StopSignals, settled: SettledRecipe) -> Outcome:
        """Run the loop and leave the folder complete. `settled` is the recipe for any hardware."""
        recipe, state, say = self.recipe, self.state, self.progress.say
        processes = f", {self.world.size} processes" if self.world.size > 1 else ""
        say(
            f"{self.job.network.name} on {recipe.data.type}, {recipe.device}{processes}, "
            f"{recipe.speed.precision}: iterations {state.iteration} to {recipe.iterations}, "
            f"{self.job.folder.path}"
        )
        say(self.data.summary)
        if recipe.speed.compile != "off":
            say(f"compiling {amount(self.job.network.graph, recipe.speed.compile)}")
        layout = self.job.loaded.data
        if layout is not None:
            say(f"`{layout.folder}` has {layout.summary}; the recipe that results:")
            for line in ("", *recipe_text(settled).splitlines(), ""):
                say(line)
            if self.job.repeat is not None:
                say(f"saved as `{PRINTED}`, it gives the same run by `{self.job.repeat}`")
        images = len(self.data.train)
        for line in fitted(self.job.loaded, settled, images):
            say(line)
        hint = few_steps(self.job.loaded, settled, images)
        if hint is not None:
            say(hint)
        if self.initial is not None:
            say(f"{self.job.network.name} {self.initial}")
        if self.data.split == "test":
            say("no validation images: `best.pt` is chosen on the test images")
        if self.world.first:
            self._warn(self.warnings)
        with self.board, self.progress:
            finished = loop.run(signals)
        if self.world.first:
            self._derive()
        self._warn(self._missed())
        if finished:
            best = state.best
            if best is not None and state.iteration < recipe.iterations:
                say(f"stopped early: no evaluation since iteration {best.iteration} was better")
            say(
                f"done in {duration(time.perf_counter() - self.began)}"
                + (
                    f"; best {self.data.split} accuracy {best.accuracy:.2%} at iteration "
                    f"{best.iteration}"
                    if best
                    else ""
                )
            )
        else:
            say(f"stopped after iteration {state.iteration}; go on with `--resume`")
        return Outcome(finished, state.iteration, tuple(self.warnings))

    def _warn(self, warnings: Sequence[Diagnostic]) -> None:
        if warnings and self.job.warn is not None:
            self.job.warn(warnings)

    def _missed(self) -> list[Diagnostic]:
        """W733 if this process has met images that it could not read."""
        missed = {**self.data.train.missed, **self.data.judge.missed}
        return [unreadable(missed)] if missed else []

    def step(self, done: int) -> None:
        """See `Listener`."""
        self.progress.step(done)
        if done == self._first_step:
            self.progress.say(f"first step after {time.perf_counter() - self.began:.1f} s")

    def evaluated(self, images: int, of: int) -> None:
        """See `Listener`."""
        self.progress.numbers(f"evaluation {images:,}/{of:,}")

    def measured(self, row: Row) -> None:
        """See `Listener`."""
        self.metrics.add(row)
        self.board.add(row)
        if row["split"] == "train":
            self._latest = row
            self.progress.numbers(_numbers(row))
        else:
            latest, left = self._latest, self.progress.left(row["iteration"])
            if latest is not None and latest["iteration"] == row["iteration"]:
                now = f"  {_numbers(latest)}"
            else:
                # An older line says nothing of these steps, and is printed beside a bar alone.
                now = f"  {duration(left)} left" if left else ""
            self.progress.say(
                f"iteration {row['iteration']}/{self.recipe.iterations}{now}"
                f"  {row['split']} loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}"
            )

    def save(self, loop: Loop, *, best: bool) -> None:
        """See `Listener`. Raises CompileError E708 or E710 in every process."""
        pending = loop.losses()
        contents = self.state.contents(self.world)
        finite = all(t.isfinite().all() for t in contents.get("model", {}).values())
        if self.world.any(not finite):
            raise diverged(self.state.iteration, "a weight after")

        def write() -> None:
            self.checkpoints.save(contents | {"pending": pending, **self.identity}, best=best)
            self._derive()

        self.world.by_first(write)

    def _derive(self) -> None:
        """What is made of the metrics."""
        rows = read_metrics(self.job.folder.metrics)
        self.job.folder.write_text(self.job.folder.table, table_text(rows))
        write_curves(rows, self.job.network.name, self.job.folder)


@contextmanager
def _alone(job: Job, world: World) -> Iterator[list[Diagnostic]]:
    """Keep other runs out of the folder; with a warning W741 where that cannot be.

    The first process holds the lock for all. Raises CompileError: E705, E710 or E741.
    """
    folder = job.folder
    with ExitStack() as stack:

        def enter() -> list[Diagnostic]:
            folder.make()
            held = stack.enter_context(locked(folder.lock))
            # Again: another run may have come and gone since.
            folder.require(resume=job.resume, init=job.init is not None)
            return [] if held else [unlocked(folder.path)]

        yield world.by_first(enter)


def _found(checkpoints: Checkpoints, world: World) -> tuple[Contents | None, list[Diagnostic]]:
    """The newest whole checkpoint and warnings of others; the first process decides which, so that
    all agree.
    """
    read: list[Contents] = []

    def find() -> tuple[Path | None, list[Diagnostic]]:
        found = checkpoints.newest()
        if found is None:
            return None, []
        path, contents, warnings = found
        read.append(contents)
        best = contents["best"]
        checkpoints.relink(path, None if best is None else best["iteration"])
        return path, warnings

    path, warnings = world.by_first(find)
    if path is None:
        return None, []
    return read[0] if read else load(path), warnings


def _numbers(row: Row) -> str:
    mfu = f"  MFU {row['mfu']:.1%}" if "mfu" in row else ""
    memory = f"  {row['peak_memory'] / 2**30:.1f} GiB" if "peak_memory" in row else ""
    return (
        f"loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}  "
        f"{row['images_per_second']:,.0f} images/s{mfu}{memory}  "
        f"{duration(row['seconds_left'])} left"
    )
