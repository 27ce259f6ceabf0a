"""The runner against a bare loop: images a second on resident data, and start to first step.

    python benchmarks/runner.py [--spec SPEC] [--device cpu] [--batch 32] [--steps 20]
    python benchmarks/runner.py --list [--classes 1000] [--images 100]

Both train the same network with the same optimizer on the same bytes on the device. The bare loop
slices the data in order and does nothing else: no augmentation, no order, no log, no checkpoint.
Rounds of both take turns, so that a busy machine slows both, and the median of the rounds counts.

With `--list`: what a start on image folders of ImageNet's shape takes to find its files, against
`os.walk` over the same ones. They are empty: none is opened before the first step.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

import archcompiler
from archcompiler.runner.data.augment import Normaliser
from archcompiler.runner.data.listing import list_test, list_training
from archcompiler.runner.data.opening import OpenedData, open_data
from archcompiler.runner.engine.loop import Loop
from archcompiler.runner.engine.optimizer import make_optimizer
from archcompiler.runner.engine.state import TrainingState
from archcompiler.runner.recipe.loading import LoadedRecipe, load_recipe
from archcompiler.runner.recipe.model import Folder
from archcompiler.runner.recipe.settling import settle_recipe
from archcompiler.runner.report.metrics import Row
from archcompiler.runner.system.distributed import World
from archcompiler.runner.system.hardware import Hardware, resolve_device, settle
from archcompiler.runner.system.signals import StopSignals


class Silent:
    """A listener that keeps nothing."""

    def step(self, done: int) -> None: ...
    def measured(self, row: Row) -> None: ...
    def save(self, loop: Loop, *, best: bool) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spec", default="specs/attention56_cifar.toml")
    parser.add_argument("--recipe", default="smoke")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--images", type=int, default=100)
    arguments = parser.parse_args()
    if arguments.list:
        listing(arguments.classes, arguments.images, arguments.rounds)
        return

    steps, batch = arguments.steps, arguments.batch
    settings = [
        f"device={arguments.device}",
        f"batch_size={batch}",
        f"iterations={(arguments.rounds + 1) * steps}",
        "checkpoint_every=1000000",
        "log_every=50",
    ]
    network = archcompiler.compile(arguments.spec)
    loaded = load_recipe(arguments.recipe, settings)
    device = resolve_device(arguments.device)
    hardware = settle(loaded, device)
    data = open_data(loaded, network.spec, device)
    runner = runner_steps(network, loaded, hardware, data)
    bare = bare_steps(network, loaded, hardware, data)
    rounds = []
    for i in range(arguments.rounds + 1):
        # Whichever goes first finds the caches as the other has left them.
        turns = [(0, bare), (1, runner)][:: -1 if i % 2 else 1]
        times = {which: timed(run, steps, device) for which, run in turns}
        rounds.append([times[0], times[1]])
    # The first round compiles, tunes and allocates.
    speeds = [statistics.median(batch * steps / r[i] for r in rounds[1:]) for i in (0, 1)]
    print(f"{network.name}, {arguments.recipe}, {device}, torch {torch.__version__}, batch {batch}")
    print(f"bare loop  {speeds[0]:10.1f} images/s")
    print(f"runner     {speeds[1]:10.1f} images/s, {speeds[1] / speeds[0]:.3f} of the bare loop")
    print(f"start to first step {first_step(arguments.spec, arguments.recipe, settings):.1f} s")


def timed(run: Callable[[int], None], steps: int, device: torch.device) -> float:
    """Seconds of so many steps."""
    start = time.perf_counter()
    run(steps)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def runner_steps(
    network: archcompiler.CompiledNetwork,
    loaded: LoadedRecipe,
    hardware: Hardware,
    data: OpenedData,
) -> Callable[[int], None]:
    """The runner's own loop, from which only evaluations and files are left out."""
    recipe = settle_recipe(loaded, len(data.train), network.spec.input[0])
    module = network.module().to(hardware.device, memory_format=hardware.memory_format)
    if hardware.compile:
        module.compile()
    optimizer = make_optimizer(module, recipe.optimizer, hardware.device)
    scaler = torch.amp.GradScaler(hardware.device.type, enabled=False)
    state = TrainingState(module, optimizer, None, scaler)

    def run(steps: int) -> None:
        until = recipe.model_copy(
            update={"iterations": state.iteration + steps + 1, "evaluate_every": 10**9}
        )
        loop = Loop(until, state, module, data, hardware, World(), Silent(), 0)
        signals = StopSignals()
        # The last iteration evaluates: stop one before it, as a signal would.
        loop.listener = _Stopping(signals, state.iteration + steps)
        loop.run(signals)

    return run


class _Stopping(Silent):
    def __init__(self, signals: StopSignals, last: int) -> None:
        self.signals = signals
        self.last = last

    def step(self, done: int) -> None:
        if done == self.last:
            import signal

            self.signals.received = signal.SIGTERM


def bare_steps(
    network: archcompiler.CompiledNetwork,
    loaded: LoadedRecipe,
    hardware: Hardware,
    data: OpenedData,
) -> Callable[[int], None]:
    """What one would write in ten lines."""
    recipe = settle_recipe(loaded, len(data.train), network.spec.input[0])
    module = network.module().to(hardware.device, memory_format=hardware.memory_format)
    if hardware.compile:
        module.compile()
    optimizer = make_optimizer(module, recipe.optimizer, hardware.device)
    normalise = Normaliser.of(recipe.data.mean, recipe.data.std, hardware.device)
    pixels, labels = data.train.pixels, data.train.labels  # type: ignore[attr-defined]
    batch = recipe.batch_size
    place = 0

    def run(steps: int) -> None:
        nonlocal place
        module.train()
        for _ in range(steps):
            place = 0 if place + batch > len(labels) else place
            x = normalise(pixels[place : place + batch])
            x = x.contiguous(memory_format=hardware.memory_format)
            with hardware.autocast():
                loss = F.cross_entropy(module(x), labels[place : place + batch])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            place += batch

    return run


def listing(classes: int, images: int, rounds: int) -> None:
    """Files a second that a start finds, and that a plain walk does."""
    with tempfile.TemporaryDirectory() as root:
        for name in range(classes):
            for split, count in (("train", images), ("val", 1)):
                inner = Path(root, split, f"n{name:08d}")
                inner.mkdir(parents=True)
                for i in range(count):
                    (inner / f"n{name:08d}_{i}.JPEG").touch()
        data = Folder(type="folder", path=root, mean=(0.5,) * 3, std=(0.5,) * 3)
        took = []
        for _ in range(rounds):
            start = time.perf_counter()
            walked = sum(len(files) for _, _, files in os.walk(root))
            middle = time.perf_counter()
            train, test = list_training(data), list_test(data)
            took.append((middle - start, time.perf_counter() - middle))
        assert walked == len(train) + len(test)
    walk, ours = (statistics.median(t[i] for t in took) for i in (0, 1))
    print(f"{walked:,} files in {2 * classes:,} folders")
    print(f"os.walk    {walk:6.2f} s")
    print(f"the runner {ours:6.2f} s, {ours / walk:.2f} of the walk")


def first_step(spec: str, recipe: str, settings: list[str]) -> float:
    """Seconds from the start of the command to the end of its first step."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "archcompiler", "train", spec, "--recipe", recipe]
        words += ["--out", str(Path(folder, "run"))]
        for setting in settings:
            words += ["--set", setting]
        start = time.perf_counter()
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout is not None
            for line in run.stdout:
                if line.startswith("first step"):
                    took = time.perf_counter() - start
                    run.kill()
                    return took
    raise RuntimeError("the run ended before its first step")


if __name__ == "__main__":
    main()
