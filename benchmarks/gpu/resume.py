"""A deterministic run that is killed (SIGKILL) again and again against one that is not."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator

import torch

from archcompiler.runner.store.checkpoint import read
from benchmarks.gpu.commands import Commands
from benchmarks.gpu.setting import Setting
from benchmarks.timing import Comparison, seconds

SPECS = ("attention56_cifar",)
KILLS = 4


def measure(setting: Setting) -> Iterator[Comparison]:
    """How many tensors of the last checkpoint are other ones; none may be."""
    steps, kills = (4, 1) if setting.quick else (300, KILLS)
    for spec in setting.specs or SPECS:
        runs = Commands(setting, spec, 8 if setting.quick else 128)
        settings = (
            f"iterations={steps}", f"checkpoint_every={max(1, steps // 20)}",
            f"evaluate_every={steps}", "evaluation_images=100", "speed.deterministic=true",
        )  # fmt: skip
        took = seconds(lambda runs=runs, s=settings: runs.finish("unbroken", s))
        chance = random.Random(0)
        for i in range(kills):
            with runs.start("killed", settings, resume=i > 0) as process:
                try:
                    process.wait(took * chance.uniform(0.2, 0.9))
                except subprocess.TimeoutExpired:
                    process.kill()
        runs.finish("killed", settings, resume=True)
        whole, killed = (
            read(runs.out / name / "checkpoints" / "last.pt")["model"]
            for name in ("unbroken", "killed")
        )
        wrong = sum(not torch.equal(whole[name], killed[name]) for name in whole)
        what = f"{spec}, {steps} steps, {kills} kills: tensors that differ"
        yield Comparison(what, "tensors", wrong, len(whole), wrong, wrong, wrong, unit="", goal=0.0)
