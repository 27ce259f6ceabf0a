"""How fast the compiler is, in ratios within one run: medians of interleaved processes.

    python benchmarks/compile.py [--runs 15]

Absolute times mean little on a shared machine; each figure stands beside what it is measured
against. Targets: a cold build at most 0.20 of `import torch`, `--help` at most 60 ms where bare
Python takes 10 to 12 (a ratio of 5), four times the modules at most 4.3 times the time, 1,000
modules in 3 s and 500 MB.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "specs" / "attention452.toml"
COMMAND = str(Path(sysconfig.get_path("scripts"), "archcompiler"))


def seconds(command: Sequence[str]) -> float:
    # Bytecode is kept, as in every installation.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - start


def medians(commands: dict[str, Sequence[str]], runs: int) -> dict[str, float]:
    """Median seconds of each command; the runs take turns, and one each warms the caches."""
    for command in commands.values():
        seconds(command)
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            taken[name].append(seconds(command))
    return {name: statistics.median(times) for name, times in taken.items()}


def build(modules: int, directory: str) -> list[str]:
    return [
        COMMAND,
        "build",
        str(SPEC),
        "-o",
        str(Path(directory, str(modules))),
        *(f"--set=stages.{i}.modules={modules // 3}" for i in range(3)),
        "--set=name=deep",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as directory:
        python = sys.executable
        commands: dict[str, Sequence[str]] = {
            "python -c pass": [python, "-c", "pass"],
            "import torch": [python, "-c", "import torch"],
            "--help": [COMMAND, "--help"],
            "build attention452": [COMMAND, "build", str(SPEC), "-o", directory],
        }
        modules = [300, 1200, 2500, 10_000]
        commands |= {f"build {n:,} modules": build(n, directory) for n in modules}
        taken = medians(commands, runs)
        for name, value in taken.items():
            print(f"{name:24} {1000 * value:8.0f} ms")
        help_ratio = taken["--help"] / taken["python -c pass"]
        print(f"\n--help / bare Python           {help_ratio:6.2f}  (target 5)")
        cold = taken["build attention452"] / taken["import torch"]
        print(f"cold build / import torch      {cold:6.3f}  (target 0.20)")
        for small, large in ((300, 1200), (2500, 10_000)):
            growth = taken[f"build {large:,} modules"] / taken[f"build {small:,} modules"]
            print(f"build {large:,} / {small:,} modules  {growth:6.2f}  (target 4.3)")
        memory = peak_memory(build(1000, directory))
        print(f"1,000 modules                  {memory:6.0f}  MB at most (target 500)")


def peak_memory(command: Sequence[str]) -> float:
    """Peak resident memory of a command in MB."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    return int(result.stdout) / 1000


if __name__ == "__main__":
    main()
