"""A few steps of everything that the runner does on a GPU and not on a CPU.

What is printed is the loss of the last step against that of exact float32: the path was gone to its
end, and led near to where it should. One that ends in an error is told, and the others are tried.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import archcompiler
from archcompiler.runner.recipe.layout import find_layout
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.checkpoint import read
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.training import Job, train
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stepping import PLAIN
from benchmarks.timing import Comparison

SPEC = "attention56_cifar"
EXACT = ("speed.deterministic=true", "speed.precision=float32")
EAGER = (
    ("speed.precision=float16", "speed.compile=off"),
    ("speed.precision=bfloat16", "speed.compile=off"),
    ("speed.precision=float32", "speed.tf32=true", "speed.compile=off"),
    ("speed.channels_last=on", "speed.compile=off"),
    ("speed.memory=40%", "speed.compile=off"),
    ("speed.memory=1GB", "speed.compile=off"),
    ("speed.checkpointing=true", "speed.compile=off"),
    ("speed.accumulate=4", "speed.compile=off"),
    ("speed.sync_bn=true", "speed.compile=off"),
    (*EXACT, "speed.memory=40%"),
    (*EXACT, "speed.shards=4"),
    ("optimizer=adamw", "ema=0.9", "optimizer.clip=1.0", "speed.compile=off"),
    ("optimizer=lamb", "speed.compile=off"),
    ("augment.mixup=0.2", "augment.cutmix=1.0", "augment.erase=0.25", "speed.compile=off"),
    ("augment.randaugment.layers=2", "augment.lighting=0.1", "speed.compile=off"),
)
COMPILED = (
    ("speed.compile=on",),
    ("speed.compile=on", "speed.precision=float16"),
    ("speed.compile=on", "speed.memory=40%"),
    ("speed.compile=on", "speed.checkpointing=true"),
    ("speed.compile=blocks",),
    ("speed.compile=blocks", "speed.checkpointing=true"),
    ("speed.compile=reduce-overhead",),
    ("speed.compile=max-autotune",),
)


def measure(setting: Setting) -> Iterator[Comparison]:
    """Every path, eager ones first. Raises RuntimeError at the end if one of them has failed."""
    (spec,) = setting.specs or (SPEC,)
    plain: float | None = None
    failed = 0
    for what, go in _paths(setting, spec):
        try:
            value = go()
            if not math.isfinite(value):
                raise ArithmeticError(f"a loss of {value}")
        except Exception as exc:
            failed += 1
            why = next(iter(str(exc).strip().splitlines()), "")
            print(f"  FAILED: {what}: {type(exc).__name__}: {why}", flush=True)
        else:
            plain = plain or value
            ratio = value / plain
            yield Comparison(what, "float32's", value, plain, ratio, ratio, ratio, unit="of loss")
        setting.forget()
    if failed:
        raise RuntimeError(f"{failed} paths have failed")


def _paths(setting: Setting, spec: str) -> Iterator[tuple[str, Callable[[], float]]]:
    """What each is, and what goes it and returns the loss at its end."""

    def by(settings: tuple[str, ...]) -> tuple[str, Callable[[], float]]:
        words = ", ".join(settings).replace("speed.", "")
        return words, lambda: _loss(setting, spec, settings)

    yield "float32, eager", by(PLAIN)[1]
    yield from map(by, EAGER[2:5] if setting.quick else EAGER)
    yield "the same bits again, and resumed", lambda: _exact(setting, spec)
    yield "photographs, by workers", lambda: _photographs(setting, spec)
    yield "eval, masks, predict, export", lambda: _used(setting)
    yield from () if setting.quick else map(by, COMPILED)


def _job(
    setting: Setting, spec: str, name: str, settings: tuple[str, ...], resume: bool = False
) -> Job:
    given = (
        f"device={setting.device_name}", f"iterations={2 if setting.quick else 8}",
        f"batch_size={16 if setting.quick else 128}", "checkpoint_every=1", "evaluate_every=8",
        "evaluation_images=50", "log_every=1",
    )  # fmt: skip
    loaded = load_recipe("smoke", (*given, *settings))
    folder = RunFolder(setting.out / "paths" / name)
    return Job(archcompiler.compile(spec), loaded, folder, quiet=True, resume=resume)


def _loss(setting: Setting, spec: str, settings: tuple[str, ...]) -> float:
    """Of the last step of a new run."""
    job = _job(setting, spec, "path", settings)
    _remove(job.folder.path)
    train(job)
    return _last_loss(job.folder)


def _last_loss(folder: RunFolder) -> float:
    return float([r["loss"] for r in read_metrics(folder.metrics) if r["split"] == "train"][-1])


def _exact(setting: Setting, spec: str) -> float:
    """Two runs, of which one forgets its last checkpoint and goes on from the one before."""
    states = []
    for name in ("exact", "resumed"):
        job = _job(setting, spec, name, EXACT)
        _remove(job.folder.path)
        train(job)
        if name == "resumed":
            last = job.folder.checkpoints / "last.pt"
            last.resolve().unlink()
            train(_job(setting, spec, name, EXACT, resume=True))
        states.append(read(job.folder.checkpoints / "last.pt")["model"])
    one, other = states
    wrong = [name for name in one if not torch.equal(one[name], other[name])]
    if wrong:
        raise ArithmeticError(f"{len(wrong)} of {len(one)} tensors differ, `{wrong[0]}` first")
    return _last_loss(job.folder)


def _photographs(setting: Setting, spec: str) -> float:
    """Files of JPEG, decoded by processes beside this one and moved from pinned memory."""
    folder = setting.out / "photographs"
    random = np.random.default_rng(0)
    for number in range(64):
        path = folder / f"class{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    given = (f"device={setting.device_name}", "epochs=2", "batch_size=8", "log_every=1")
    loaded = load_recipe("photographs", given, data=find_layout(folder))
    network = archcompiler.compile(spec, ["classes=2"])
    job = Job(network, loaded, RunFolder(setting.out / "paths" / "photographs"), quiet=True)
    _remove(job.folder.path)
    train(job)
    return _last_loss(job.folder)


def _used(setting: Setting) -> float:
    """What is done with a trained network."""
    trained, images = setting.out / "paths" / "photographs", setting.out / "photographs" / "class0"
    for words in (
        ("eval", trained),
        ("predict", trained, images),
        ("masks", trained, images, "-o", setting.out / "masks.png"),
        ("export", trained, "-o", setting.out / "exported", "--force"),
    ):
        command = [sys.executable, "-m", "archcompiler", *map(str, words)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return _last_loss(RunFolder(trained))


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
