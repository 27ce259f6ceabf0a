"""Attention-56 and -92 on all of Fashion-MNIST with one GPU: speed, memory, accuracy, exact resume.

    python benchmarks/gpu.py [--data FOLDER] [--spec SPEC ...] [--out runs/gpu]

For each network (CIFAR's layout), with the recipe `fashion_mnist`:

1. Images a second, share of the peak and memory with bfloat16, channels-last and `torch.compile`,
   against float32 in plain eager mode: the two take turns, the median of the rounds counts, and
   the first lines of a run, in which kernels are compiled and chosen, do not.
2. Test accuracy of a whole run with the fast settings.
3. In deterministic mode, a run that is killed (SIGKILL) again and again and resumed against one
   that is not: their weights are compared to the bit.

Prints Markdown for `benchmarks/runner.md`; exits 1 if the weights of part 3 differ.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

SPECS = ("specs/attention56_cifar.toml", "specs/attention92_cifar.toml")
FAST = ("speed.precision=bfloat16", "speed.channels_last=on", "speed.compile=on")
PLAIN = (
    "speed.precision=float32", "speed.channels_last=off", "speed.compile=off", "speed.tf32=false",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Course:
    """How long the parts take."""

    timed: int
    """Iterations of a round of part 1; a tenth of them a line of the log."""
    rounds: int
    whole: int | None
    """Iterations of part 2; None for the recipe's own."""
    exact: int
    """Iterations of part 3."""
    kills: int


@dataclass(frozen=True, slots=True)
class Speed:
    images: float
    mfu: float | None
    memory: float | None

    def __str__(self) -> str:
        mfu = "–" if self.mfu is None else f"{100 * self.mfu:.1f} %"
        memory = "–" if self.memory is None else f"{self.memory / 2**30:.2f} GiB"
        return f"{self.images:,.0f} | {mfu} | {memory}"


class Runs:
    """`archcompiler train` with this benchmark's settings, a folder for each run."""

    def __init__(self, spec: str, out: Path, common: list[str]) -> None:
        self.spec, self.out, self.common = spec, out, common

    def start(self, name: str, settings: list[str], resume: bool = False) -> subprocess.Popen[str]:
        folder = self.out / Path(self.spec).stem / name
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        words = [sys.executable, "-m", "archcompiler", "train", self.spec]
        words += ["--recipe", "fashion_mnist", "--out", str(folder), "--quiet"]
        for setting in [*self.common, *settings]:
            words += ["--set", setting]
        return subprocess.Popen([*words, "--resume"] if resume else words, text=True)

    def finish(self, name: str, settings: list[str], resume: bool = False) -> Path:
        """The folder of the run, once it has ended."""
        with self.start(name, settings, resume) as process:
            if process.wait():
                raise SystemExit(f"{name} failed with exit code {process.returncode}")
        return self.out / Path(self.spec).stem / name


def speed_of(folder: Path) -> Speed:
    """The median of all lines but the first two."""
    rows = [row for row in metrics(folder) if row["split"] == "train"][2:]
    mfu = [row["mfu"] for row in rows if "mfu" in row]
    memory = [row["peak_memory"] for row in rows if "peak_memory" in row]
    return Speed(
        statistics.median(row["images_per_second"] for row in rows),
        statistics.median(mfu) if mfu else None,
        max(memory) if memory else None,
    )


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def compare_speed(runs: Runs, course: Course, fast: list[str]) -> tuple[Speed, Speed]:
    """Fast and plain, in turns."""
    short = [
        f"iterations={course.timed}",
        f"log_every={max(1, course.timed // 10)}",
        f"checkpoint_every={10 * course.timed}",
        f"evaluate_every={10 * course.timed}",
        "evaluation_images=100",
    ]
    found: dict[str, list[Speed]] = {"fast": [], "plain": []}
    for _ in range(course.rounds):
        for name, settings in (("fast", fast), ("plain", [*PLAIN])):
            found[name].append(speed_of(runs.finish(name, [*short, *settings])))
    first, second = (
        sorted(speeds, key=lambda speed: speed.images)[len(speeds) // 2]
        for speeds in found.values()
    )
    return first, second


def accuracy(runs: Runs, course: Course, fast: list[str]) -> tuple[float, float]:
    """Of the last and of the best evaluation of a whole run."""
    length = [] if course.whole is None else [f"iterations={course.whole}"]
    tests = [
        row["accuracy"]
        for row in metrics(runs.finish("whole", [*length, *fast]))
        if row["split"] != "train"
    ]
    return tests[-1], max(tests)


def exact_resume(runs: Runs, course: Course) -> bool:
    """Whether a run that was killed ends with the weights of one that was not."""
    settings = [
        f"iterations={course.exact}",
        f"checkpoint_every={max(1, course.exact // 20)}",
        f"evaluate_every={course.exact}",
        "evaluation_images=100",
        "speed.deterministic=true",
    ]
    start = time.perf_counter()
    whole = runs.finish("unbroken", settings)
    took = time.perf_counter() - start
    chance = random.Random(0)
    runs.start("killed", settings).kill()
    for _ in range(course.kills):
        process = runs.start("killed", settings, resume=True)
        try:
            process.wait(took * chance.uniform(0.2, 0.9))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
    killed = runs.finish("killed", settings, resume=True)
    a, b = (
        torch.load(folder / "checkpoints" / "last.pt", map_location="cpu", weights_only=True)
        for folder in (whole, killed)
    )
    return all(torch.equal(a["model"][name], b["model"][name]) for name in a["model"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--spec", action="append", help="another network than the two")
    parser.add_argument("--data", help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"))
    parser.add_argument("--fast", nargs="*", default=list(FAST), metavar="KEY=VALUE")
    parser.add_argument("--timed", type=int, default=600, help="iterations of a timed round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", type=int, help="iterations of the whole run")
    parser.add_argument("--exact", type=int, default=400, help="iterations of the exact resume")
    parser.add_argument("--kills", type=int, default=5)
    given = parser.parse_args()
    course = Course(given.timed, given.rounds, given.whole, given.exact, given.kills)
    common = [f"device={given.device}", f"batch_size={given.batch}"]
    common += [f"data.path={given.data}"] if given.data else []
    name = torch.cuda.get_device_name() if given.device == "cuda" else given.device
    print(f"{name}, torch {torch.__version__}, batch {given.batch}, {', '.join(given.fast)}\n")
    print("| network | settings | images/s | of the peak | memory | test accuracy | exact resume |")
    print("|---|---|---|---|---|---|---|")
    exact = True
    for spec in given.spec or SPECS:
        runs = Runs(spec, given.out, common)
        fast, plain = compare_speed(runs, course, given.fast)
        last, best = accuracy(runs, course, given.fast)
        same = exact_resume(runs, course)
        exact &= same
        network = Path(spec).stem
        words = f"{100 * last:.2f} %, best {100 * best:.2f} %"
        print(f"| {network} | fast | {fast} | {words} | |")
        equal = f"{'equal' if same else 'DIFFERENT'} after {course.kills} kills"
        print(f"| {network} | float32, eager | {plain} | | {equal} |")
        print(f"| | fast over plain | {fast.images / plain.images:.2f} | | | | |", flush=True)
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
