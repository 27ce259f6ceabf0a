"""The runner against a bare loop: images a second on resident data, and start to first step.

    python -m benchmarks.runner [--spec SPEC] [--device cpu] [--batch 32] [--steps 20]
    python -m benchmarks.runner --list [--classes 1000] [--images 100]

Both train the same network with the same optimizer on the same bytes on the device. The bare loop
slices the data in order and does nothing else: no augmentation, no order, no log, no checkpoint.

With `--list`: what a start on image folders of ImageNet's shape takes to find its files, against
`os.walk` over the same ones. They are empty: none is opened before the first step.
`python -m benchmarks runner` measures all of this, on the CPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
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
from benchmarks.timing import Comparison, Course, compared, in_turns, seconds

SPEC, RECIPE = "specs/attention56_cifar.toml", "smoke"


class Silent:
    """A listener that keeps nothing."""

    def step(self, done: int) -> None: ...
    def measured(self, row: Row) -> None: ...
    def save(self, loop: Loop, *, best: bool) -> None: ...


def measure(course: Course) -> Iterator[Comparison]:
    """Steps against the bare loop, files found against a walk."""
    steps, batch = (1, 4) if course.quick else (5, 32)
    yield speed(SPEC, RECIPE, "cpu", batch, steps, min(course.rounds, 9))
    yield listing(*((10, 2) if course.quick else (1000, 100)), course.rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--spec", default=SPEC)
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--images", type=int, default=100)
    given = parser.parse_args()
    if given.list:
        found = listing(given.classes, given.images, given.rounds)
        print(f"{found.what}: {found.value:.2f} s, {found.ratio:.2f} of {found.against}")
        return
    found = speed(given.spec, given.recipe, given.device, given.batch, given.steps, given.rounds)
    images = given.batch * given.steps
    print(f"{found.what}, torch {torch.__version__}")
    print(f"bare loop  {images / found.other:10.1f} images/s")
    print(
        f"runner     {images / found.value:10.1f} images/s, {1 / found.ratio:.3f} of the bare loop"
    )
    settings = _settings(given.device, given.batch, given.steps * (given.rounds + 1))
    print(f"start to first step {first_step(given.spec, given.recipe, settings):.1f} s")


def _settings(device: str, batch: int, iterations: int) -> list[str]:
    return [
        f"device={device}",
        f"batch_size={batch}",
        f"iterations={iterations}",
        "checkpoint_every=1000000",
        "log_every=50",
    ]


def speed(
    spec: str, recipe: str, device_name: str, batch: int, steps: int, rounds: int
) -> Comparison:
    """Steps of the runner against the bare loop's.

    Nothing of the first round counts: it compiles, tunes and allocates.
    """
    network = archcompiler.compile(spec)
    loaded = load_recipe(recipe, _settings(device_name, batch, (rounds + 1) * steps))
    device = resolve_device(device_name)
    hardware = settle(loaded, device)
    data = open_data(loaded, network.spec, device)
    loops = {
        "bare": bare_steps(network, loaded, hardware, data),
        "runner": runner_steps(network, loaded, hardware, data),
    }
    runs = {name: partial(timed, loop, steps, device) for name, loop in loops.items()}
    taken = in_turns(runs, rounds)
    what = f"{network.name}, {recipe}, {device}, {steps} steps of {batch}"
    return compared(what, taken["runner"], "a bare loop", taken["bare"])


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
            x = x.to(memory_format=hardware.memory_format)
            with hardware.autocast():
                loss = F.cross_entropy(module(x), labels[place : place + batch])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            place += batch

    return run


def listing(classes: int, images: int, rounds: int) -> Comparison:
    """Files that a start finds, against a plain walk."""
    with tempfile.TemporaryDirectory() as root:
        for name in range(classes):
            for split, count in (("train", images), ("val", 1)):
                inner = Path(root, split, f"n{name:08d}")
                inner.mkdir(parents=True)
                for i in range(count):
                    (inner / f"n{name:08d}_{i}.JPEG").touch()
        data = Folder(type="folder", path=root, mean=(0.5,) * 3, std=(0.5,) * 3)

        def walk() -> int:
            return sum(len(files) for _, _, files in os.walk(root))

        def find() -> int:
            return len(list_training(data)) + len(list_test(data))

        files = walk()
        if find() != files:
            raise RuntimeError(f"of {files:,} files only {find():,} are found")
        taken = in_turns({"walk": partial(seconds, walk), "ours": partial(seconds, find)}, rounds)
    what = f"finding {files:,} images in {2 * classes:,} folders"
    return compared(what, taken["ours"], "`os.walk`", taken["walk"])


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
