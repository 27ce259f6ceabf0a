"""`python -m benchmarks`: every part, or those that are named."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.results import RESULTS, record
from benchmarks.timing import Comparison, Course

PARTS = {
    "cold": "cold starts and builds against `import torch`; builds of many modules",
    "compiling": "`torch.compile` of each distinct block against that of the whole network",
    "costs": "cost tables against fvcore; tables of many modules",
    "deploy": "the file for inference, ONNX Runtime and OpenVINO against eager PyTorch",
    "figures": "figures against their bounds of time and memory",
    "model": "emitted Attention-56 against the style of a widely copied port",
    "recompute": "steps that keep less against those that keep all; work done again against torch",
    "runner": "training steps against a bare loop; files found against a walk",
    "shards": "steps in virtual shards against DDP's on the same processes",
    "steps": "planned times of training steps against measured ones",
}
"""What each module of this package that has a `measure` is about."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and record if asked to. Returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Timings on the CPU, each a ratio within one run.",
        epilog="; ".join(f"{name}: {about}" for name, about in PARTS.items()),
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; or all")
    parser.add_argument(
        "--rounds", type=_count, default=15, help="at most (15); long parts do less"
    )
    parser.add_argument("--quick", action="store_true", help="only see that every part runs")
    parser.add_argument("--record", action="store_true", help="write results.json")
    parser.add_argument("--results", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part `{unknown[0]}`: there are {', '.join(PARTS)}")
    if given.quick and given.record:
        parser.error("what --quick measures is not to be recorded")
    course = Course(min(given.rounds, 2) if given.quick else given.rounds, given.quick)
    missed = False
    for part in given.parts or PARTS:
        print(f"{part}: {PARTS[part]}", flush=True)
        found = []
        for comparison in measured(part, course):
            print(f"  {line(comparison)}", flush=True)
            found.append(comparison)
        missed |= any(comparison.missed for comparison in found)
        if given.record:
            command = f"python -m benchmarks {part} --rounds {given.rounds} --record"
            record(part, command, found, given.results)
    if given.record:
        print("`python tests/regenerate.py documents` puts them into the README")
    return int(missed and not given.quick)


def measured(part: str, course: Course) -> Iterator[Comparison]:
    """The comparisons of one part, as they are done."""
    found: Iterator[Comparison] = import_module(f"benchmarks.{part}").measure(course)
    return found


def line(c: Comparison) -> str:
    """`build: 0.24 s, 0.158 (0.152 to 0.166) of import torch, 1.5 s`."""
    goal = "" if c.goal is None else f"; goal {c.goal:g}{' MISSED' if c.missed else ''}"
    ratio = f"{c.ratio:.3g} ({c.low:.3g} to {c.high:.3g})"
    return f"{c.what}: {c.value:.3g} {c.unit}, {ratio} of {c.against}, {c.other:.3g} {c.unit}{goal}"


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
