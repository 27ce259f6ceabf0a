"""How fast a command starts, and how a build grows: cold processes, processor time.

Processor time is the user's and the system's, that of ruff included: on a busy machine it says more
than a clock.
"""

from __future__ import annotations

import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.timing import ROOT, Comparison, Course, bounded, compared, ended, in_turns

SPEC = "specs/attention452.toml"
COMMAND = [sys.executable, "-m", "archcompiler"]
if Path(sysconfig.get_path("scripts"), "archcompiler").exists():
    COMMAND = [str(Path(sysconfig.get_path("scripts"), "archcompiler"))]


def measure(course: Course) -> Iterator[Comparison]:
    """Start and build against Python and torch; four times the modules; a thousand of them."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _start(course, folder)
        yield from _growth(course, folder)


def _start(course: Course, folder: str) -> Iterator[Comparison]:
    python = [sys.executable, "-c"]
    commands = {
        "pass": [*python, "pass"],
        "torch": [*python, "import torch"],
        "libraries": [*python, "import click, jinja2, pydantic"],
        "help": [*COMMAND, "--help"],
        "check": [*COMMAND, "check", SPEC],
        "build": [*COMMAND, "build", SPEC, "-o", folder, "--force"],
        "plan": [*COMMAND, "plan", "specs/attention56.toml", "--device", "h100"],
    }
    taken = in_turns({name: partial(_processor, c) for name, c in commands.items()}, course.rounds)
    yield compared("`--help`", taken["help"], "`python -c pass`", taken["pass"], goal=5.0)
    torch = ("`import torch`", taken["torch"])
    yield compared("`build attention452`", taken["build"], *torch, goal=0.15)
    yield compared("`check attention452`", taken["check"], *torch)
    yield compared("`plan attention56`", taken["plan"], *torch)
    yield compared("`import click, jinja2, pydantic`", taken["libraries"], *torch)


def _growth(course: Course, folder: str) -> Iterator[Comparison]:
    small, large = (30, 120) if course.quick else (2500, 10_000)
    rounds = 1 if course.quick else max(3, course.rounds // 5)
    sizes = {n: partial(_processor, _deep(n, folder)) for n in (small, large)}
    taken = in_turns({str(n): run for n, run in sizes.items()}, rounds)
    what, against = f"build of {large:,} modules", f"{small:,} modules"
    yield compared(what, taken[str(large)], against, taken[str(small)], goal=4.3)
    modules = 30 if course.quick else 1000
    found = [ended(_deep(modules, folder)) for _ in range(rounds)]
    yield bounded(f"build of {modules:,} modules", [f.seconds for f in found], 3.0)
    yield bounded(f"build of {modules:,} modules", [f.megabytes for f in found], 500.0, "MB")


def _processor(command: list[str]) -> float:
    return ended(command).processor


def _deep(modules: int, folder: str) -> list[str]:
    """The build of Attention-452 with so many modules."""
    settings = [f"--set=stages.{i}.modules={modules // 3}" for i in range(3)]
    output = str(Path(folder, f"{modules}.py"))
    return [*COMMAND, "build", str(ROOT / SPEC), "-o", output, *settings, "--set=name=deep"]
