"""The loop: steps, and what happens between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcompiler.diagnostics import CompileError, error
from archcompiler.runner.data.augment import Normaliser, augment, noisy_labels
from archcompiler.runner.data.draws import Draws
from archcompiler.runner.data.files import require_read
from archcompiler.runner.data.mixing import Mixer
from archcompiler.runner.data.opening import OpenedData
from archcompiler.runner.data.order import Order, Parts, Samples
from archcompiler.runner.data.randomness import Stream, word
from archcompiler.runner.data.source import Batch, EvaluationPlan, Tested, asked
from archcompiler.runner.engine.evaluate import Score, evaluate
from archcompiler.runner.engine.optimizer import set_rate
from archcompiler.runner.engine.schedule import rate_factor
from archcompiler.runner.engine.sharded import Shards
from archcompiler.runner.engine.state import Best, TrainingState
from archcompiler.runner.recipe.model import SettledRecipe
from archcompiler.runner.report.metrics import Row
from archcompiler.runner.system.distributed import (
    StopVote,
    World,
    averaged_buffers,
    reshard,
    synchronised,
    warm_up,
)
from archcompiler.runner.system.failures import evaluation_fits
from archcompiler.runner.system.hardware import Hardware
from archcompiler.runner.system.signals import StopSignals

B = TypeVar("B")


class Listener(Protocol):
    """What the loop tells while it runs."""

    def step(self, done: int) -> None: ...
    def evaluated(self, images: int, of: int) -> None: ...
    def measured(self, row: Row) -> None: ...
    def save(self, loop: Loop, *, best: bool) -> None: ...


@dataclass
class Loop:
    """One process's part in a run."""

    recipe: SettledRecipe
    state: TrainingState
    model: nn.Module
    """`state.network`, wrapped for several processes."""
    data: OpenedData
    hardware: Hardware
    world: World
    listener: Listener
    macs: int
    """Multiply-accumulates of a forward pass, an image."""

    def __post_init__(self) -> None:
        recipe, data = self.recipe, self.recipe.data
        self.classes = len(self.data.train.classes)
        self.normalise = Normaliser.of(data.mean, data.std, self.hardware.device)
        self.mixer = Mixer(recipe.augment, self.hardware.device)
        self.parts = Parts(
            Order(recipe.seed, len(self.data.train)),
            recipe.batch_size,
            self.world.own.start,
            self.world.replicas,
            recipe.speed.accumulate,
            len(self.world.own),
        )
        self.shards = Shards(self.state.network, self.world, 3) if self.world.shards else None
        self._seconds = 0.0
        self._timed_from = self.state.iteration

    def run(self, signals: StopSignals) -> bool:
        """Train to the last iteration; False if a signal ended it before, with a checkpoint."""
        vote = StopVote(self.world, signals)
        self.model.train()
        with self.data.judge.kept():
            if self.state.evaluation_due and not self._between(vote):
                finished = False
            else:
                # Closed whatever happens: the workers behind it ignore all signals.
                with closing(self.data.train.batches(self.parts, self.state.iteration)) as batches:
                    finished = self._train(batches, vote)
        vote.finish()
        return finished

    def _train(self, batches: Iterator[Batch | None], vote: StopVote) -> bool:
        recipe, state = self.recipe, self.state
        while not self._ended:
            start = time.perf_counter()
            try:
                first = next(awaited(batches, vote))
            except Interrupted:
                self.listener.save(self, best=False)
                return False
            self._step(first, batches)
            state.iteration += 1
            self.listener.step(state.iteration)
            ended = state.iteration == recipe.iterations
            logs = state.iteration % recipe.log_every == 0 or ended
            state.evaluation_due = state.iteration % recipe.evaluation_interval == 0 or ended
            row = self._training_row() if logs else None
            if state.evaluation_due or state.iteration % recipe.checkpoint_every == 0:
                # What the device has yet to do is time of these steps, not of what comes now.
                self.hardware.wait()
            self._seconds += time.perf_counter() - start
            if row is not None:
                self._report(row)
            if not self._between(vote):
                return False
        return True

    @property
    def _ended(self) -> bool:
        """Whether all is done, or no evaluation has been better for as long as is waited.

        What it goes by is in a checkpoint: a run that has ended does not go on when it is resumed.
        """
        state, recipe = self.state, self.recipe
        if state.iteration >= recipe.iterations:
            return True
        patience, best = recipe.early_stop.patience, state.best
        if not patience or best is None or state.evaluation_due:
            return False
        return (state.iteration - best.iteration) // recipe.evaluation_interval >= patience

    def _between(self, vote: StopVote) -> bool:
        """Evaluate and save where it is time; whether the run goes on or has come to its end."""
        recipe, state = self.recipe, self.state
        best = False
        try:
            if state.evaluation_due:
                best = self._evaluate(vote)
                state.evaluation_due = False
            stopped = vote.stopped()
        except Interrupted:
            # The checkpoint says that the evaluation is due: the resumed run starts with it.
            stopped = True
        ended = self._ended
        if best or stopped or ended or state.iteration % recipe.checkpoint_every == 0:
            self.listener.save(self, best=best)
        return not stopped or (ended and not state.evaluation_due)

    def _step(self, first: Batch, more: Iterator[Batch | None]) -> None:
        """One step on the first part of its batch and the parts that follow."""
        recipe, state, step = self.recipe, self.state, self.state.iteration
        factor = rate_factor(recipe.schedule, step, recipe.iterations)
        set_rate(state.optimizer, recipe.optimizer.lr * factor)
        batches = chain((first,), filter(None, more))
        if self.shards is None:
            measured = self._gradients(self.world.rank, batches)
        else:
            measured = self.shards.step(lambda shard: self._gradients(shard, batches))
        if recipe.optimizer.clip:
            state.scaler.unscale_(state.optimizer)
            nn.utils.clip_grad_norm_(state.network.parameters(), recipe.optimizer.clip)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        state.optimizer.zero_grad(set_to_none=True)
        if state.average is not None:
            state.average.update(step)
        # The losses are looked at together, later.
        state.pending.append(measured)

    def _gradients(self, replica: int, batches: Iterator[Batch]) -> Tensor:
        """Add up the gradients of a process's or a shard's parts; (3,) of them, as in `pending`."""
        parts = self.parts.parts
        # For dropout: the one thing in a network that draws from torch's own generators.
        self.hardware.seed(word(self.recipe.seed, Stream.STEP, replica, self.state.iteration))
        measured = torch.zeros(3, device=self.hardware.device)
        for part in range(parts):
            with synchronised(self.model, last=part == parts - 1):
                batch = next(batches)
                loss, right = self.forward(batch)
                scaled = self.state.scaler.scale(loss / parts)
                scaled.backward()  # type: ignore[no-untyped-call]
            # Filled in, not copied: nothing waits for the device here.
            replaced = torch.full_like(right, batch.replaced / self.parts.size)
            measured += torch.stack([loss.detach(), right, replaced]) / parts
        return measured

    def warm_up(self) -> None:
        """See `distributed.warm_up`; on noise, so that no data have to be waited for."""
        size, device = self.parts.size, self.hardware.device
        images = torch.randint(
            256, (size, *self.data.train.shape), dtype=torch.uint8, device=device
        )
        zeros = torch.zeros(size, dtype=torch.long, device=device)
        batch = Batch(images, zeros, Samples(zeros, zeros))
        warm_up(self.model, lambda: self.forward(batch)[0])

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean loss and share of right answers of one part of a batch, both ()."""
        recipe = self.recipe
        draws = Draws(recipe.seed, batch.samples)
        labels = noisy_labels(
            batch.labels,
            batch.samples.indices,
            recipe.seed,
            recipe.augment.label_noise,
            self.classes,
        )
        x = augment(batch.images, draws, recipe.augment, self.normalise)
        mixed = self.mixer(x, labels, draws) if self.mixer.active else None
        # The network would do it, but beside an image that is kept until then.
        x = (x if mixed is None else mixed.images).to(memory_format=self.hardware.memory_format)
        with self.hardware.autocast():
            logits = self.model(x)
        logits, smoothing = logits.float(), recipe.label_smoothing
        if mixed is None:
            loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        else:
            own, other = (
                F.cross_entropy(logits, y, reduction="none", label_smoothing=smoothing)
                for y in (mixed.labels, mixed.others)
            )
            loss = torch.lerp(other, own, mixed.share).mean()
        return loss, (logits.detach().argmax(1) == labels).float().mean()

    def _training_row(self) -> Row:
        """The means since the last line. Raises CompileError E708 for a loss that is no number."""
        measured = self.losses()
        self.state.pending.clear()
        loss, accuracy, replaced = measured.mean(0).tolist()
        step = self.state.iteration - 1
        factor = rate_factor(self.recipe.schedule, step, self.recipe.iterations)
        row: Row = {
            "iteration": self.state.iteration,
            "split": "train",
            "loss": loss,
            "accuracy": accuracy,
            "epoch": self.state.iteration * self.recipe.batch_size / len(self.data.train),
            "rate": self.recipe.optimizer.lr * factor,
        }
        if replaced:
            row["unreadable"] = round(replaced * len(measured) * self.recipe.batch_size)
        return row

    def losses(self) -> Tensor:
        """(steps since the last line, 3) over all processes; raises CompileError E708."""
        if not self.state.pending:
            return torch.zeros(0, 3)
        measured = self.world.mean(torch.stack(self.state.pending))
        broken = (~measured[:, 0].isfinite()).nonzero()
        if len(broken):
            raise diverged(self.state.iteration - len(measured) + int(broken[0]) + 1)
        return measured

    def _report(self, row: Row) -> None:
        images = (self.state.iteration - self._timed_from) * self.recipe.batch_size
        speed = images / max(self._seconds, 1e-9)
        row["images_per_second"] = round(speed, 1)
        row["seconds_left"] = round(
            (self.recipe.iterations - self.state.iteration) * self.recipe.batch_size / speed
        )
        peak = self.hardware.peak()
        if peak is not None:
            # Forward once and backward twice; a multiply-accumulate is two operations.
            row["mfu"] = round(6 * self.macs * speed / (peak * self.world.size), 4)
        memory = self.hardware.memory()
        if memory is not None:
            row["peak_memory"] = memory
        self._seconds, self._timed_from = 0.0, self.state.iteration
        self.listener.measured(row)

    def _evaluate(self, vote: StopVote) -> bool:
        """Measure on the images that judge; whether it is the best so far. Raises Interrupted,
        CompileError E704 where none of them can be read and E708 for a loss that is no number.
        """
        score = self._score(vote)
        require_read(score.images, self.data.judge.missed)
        state = self.state
        row: Row = {
            "iteration": state.iteration,
            "split": self.data.split,
            "loss": score.loss,
            "accuracy": score.top1,
            "top5": score.top5,
            "images": score.images,
        }
        unreadable = asked(self.recipe.evaluation_images, len(self.data.judge)) - score.images
        if unreadable:
            row["unreadable"] = unreadable
        self.listener.measured(row)
        if not isfinite(score.loss):
            self.losses()  # one of these says more
            raise diverged(state.iteration, f"the {self.data.split} loss after")
        if state.best is not None and not state.best.worse_than(score.top1, score.loss):
            return False
        state.best = Best(score.top1, state.iteration, score.loss)
        return True

    def _score(self, vote: StopVote) -> Score:
        """Evaluate the weights that a checkpoint would have for the emitted file."""
        recipe = self.recipe
        world = self.world
        size = max(recipe.evaluation_batch // world.replicas, 1)
        plan = EvaluationPlan(
            size, recipe.evaluation_images, world.own.start, world.replicas, len(world.own)
        )
        with (
            evaluation_fits(recipe.evaluation_batch),
            self._final_weights(),
            closing(self.data.judge.batches(plan)) as batches,
        ):
            return evaluate(
                self.state.network,
                self._counted(_until_stopped(batches, vote)),
                self.normalise,
                self.hardware,
                classes=self.classes,
                world=world,
            )

    def _counted(self, batches: Iterator[Tested]) -> Iterator[Tested]:
        """Batches of an evaluation, each told when it is done; other processes have as many."""
        of, seen = asked(self.recipe.evaluation_images, len(self.data.judge)), 0
        for batch in batches:
            yield batch
            seen = min(of, seen + len(batch[1]) * self.world.size)
            self.listener.evaluated(seen, of)

    @contextmanager
    def _final_weights(self) -> Iterator[None]:
        """The moving average in place of the weights, and the mean of BN's statistics."""
        average = self.state.average
        if average is not None:
            average.swap()
        try:
            with averaged_buffers(self.state.network, self.world):
                yield
        finally:
            # A gathered copy of a shard would outlive the exchange.
            reshard(self.state.network)
            if average is not None:
                average.swap()


class Interrupted(Exception):
    """A signal has come where a run can be left and taken up again."""


def awaited(batches: Iterator[B | None], vote: StopVote) -> Iterator[B]:
    """Batches that may never come. Raises Interrupted while one is waited for."""
    for batch in batches:
        if batch is not None:
            yield batch
        elif vote.alone():
            raise Interrupted


def _until_stopped(batches: Iterator[Tested | None], vote: StopVote) -> Iterator[Tested]:
    """Every process has as many batches, so that all of them vote as often. Raises Interrupted."""
    for batch in awaited(batches, vote):
        if vote.stopped():
            raise Interrupted
        yield batch


def diverged(iteration: int, what: str = "the loss of") -> CompileError:
    """E708, ready to be raised."""
    return CompileError(
        error(
            "E708",
            f"{what} iteration {iteration} is not a finite number",
            notes=("the run has stopped, and no checkpoint was written after that iteration",),
            help="go on from the last one by `--resume` with a smaller `--set optimizer.lr=…`, "
            "or with `--set optimizer.clip=1.0`",
        )
    )
