"""How everything here is timed: in turns, as ratios within one round, by medians.

Absolute times mean little on a machine that others use too: what is measured stands beside what it
is measured against, and both take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
Measure = Callable[[], float]
"""Does something once, and returns what it took: seconds, megabytes."""


@dataclass(frozen=True, slots=True)
class Course:
    """How much is measured."""

    rounds: int
    quick: bool = False
    """Whether a part only has to run, on the smallest of what it measures."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one thing takes against another."""

    what: str
    against: str
    value: float
    """Median of the first."""
    other: float
    """Median of the second."""
    ratio: float
    """Median of the ratios of rounds."""
    low: float
    high: float
    """Quartiles of these ratios."""
    unit: str = "s"
    goal: float | None = None
    """What the ratio is to be at most."""

    @property
    def missed(self) -> bool:
        return self.goal is not None and self.ratio > self.goal

    def plain(self) -> dict[str, Any]:
        """For JSON, in figures that mean something."""
        numbers = {"value": self.value, "other": self.other}
        numbers |= {"ratio": self.ratio, "low": self.low, "high": self.high}
        rounded = {name: float(f"{number:.4g}") for name, number in numbers.items()}
        about = {"what": self.what, "against": self.against, "unit": self.unit}
        return {**about, **rounded, "goal": self.goal}


def in_turns(measures: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """What each takes in every round; each goes once before, to warm caches.

    Every other round goes backwards: whichever is first finds the caches as the last has left them.
    """
    for measure in measures.values():
        measure()
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for i in range(rounds):
        for name in list(measures)[:: -1 if i % 2 else 1]:
            taken[name].append(measures[name]())
    return taken


def compared(
    what: str,
    values: Sequence[float],
    against: str,
    others: Sequence[float],
    *,
    unit: str = "s",
    goal: float | None = None,
) -> Comparison:
    """Two things that were measured in the same rounds."""
    ratios = [a / b for a, b in zip(values, others, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return Comparison(
        what,
        against,
        statistics.median(values),
        statistics.median(others),
        statistics.median(ratios),
        max(low, min(ratios)),
        min(high, max(ratios)),
        unit,
        goal,
    )


def bounded(what: str, values: Sequence[float], bound: float, unit: str = "s") -> Comparison:
    """Something against a bound that it has to keep."""
    others = [bound] * len(values)
    return compared(what, values, "its bound", others, unit=unit, goal=1.0)


def seconds(run: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process took, with those that it has waited for."""

    seconds: float
    processor: float
    """Seconds of processor time, of the user and the system."""
    megabytes: float
    """Memory of the largest process at its peak."""


_WAITER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
"""Waits for a command: a process begins with the memory of the one that starts it, which has to be
small, and what a command's children take is told of all children together."""


def ended(command: Sequence[str]) -> Ended:
    """Run a command to its end. Raises CalledProcessError if it fails."""
    # Bytecode is kept, as in every installation.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", _WAITER, *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Ended(*json.loads(done.stdout))
