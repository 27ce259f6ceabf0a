"""How fast figures are, and how much memory the largest takes: cold processes, medians.

    python benchmarks/figures.py [--runs 7]

Targets: the one-page SVG of Attention-452 in at most 1.5 s; its `--level op`, 4,082 operators, in
at most 10 s and 1 GB, Graphviz included. Exits 1 if one is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "specs" / "attention452.toml"


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    options: tuple[str, ...]
    seconds: float
    megabytes: float


TARGETS = (
    Target("one page, svg", (), 1.5, 1000),
    Target("one page, png", ("--format", "png"), 5, 1000),
    Target("browser view, html", ("--format", "html"), 5, 1000),
    Target("every operator, svg", ("--level", "op"), 10, 1000),
)


def measure(options: tuple[str, ...], directory: str) -> tuple[float, float]:
    """Seconds and the peak of megabytes of the largest process: the command, or its `dot`."""
    # A process of its own waits, so that its children's peak is this command's alone.
    waiter = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
    )
    command = [sys.executable, "-m", "archcompiler", "diagram", str(SPEC), "-o", directory]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", waiter, *command, *options],
        check=True,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - start
    kilobytes = float(done.stderr.split()[-1])
    return seconds, kilobytes / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    missed = False
    with tempfile.TemporaryDirectory() as directory:
        for target in TARGETS:
            found = [measure(target.options, directory) for _ in range(runs)]
            seconds = statistics.median(time for time, _ in found)
            megabytes = max(memory for _, memory in found)
            good = seconds <= target.seconds and megabytes <= target.megabytes
            missed |= not good
            print(
                f"{target.name:22} {seconds:6.2f} s of {target.seconds:g}, "
                f"{megabytes:5.0f} MB of {target.megabytes:g}  {'ok' if good else 'MISSED'}"
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
