"""`python -m benchmarks.gpu`: every part, or those that are named, on one GPU.

A line is printed as soon as it is known, and kept in `runs/gpu/results.json`: a machine that is
lent for minutes may be taken back. `--device cpu --quick` sees that everything runs.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.__main__ import line
from benchmarks.gpu.setting import Setting
from benchmarks.results import record
from benchmarks.timing import Comparison

PARTS = {
    "paths": "a few steps of everything that the runner does on a GPU and not on a CPU",
    "steps": "images/s, memory and time of steps against their plans, and against a port",
    "resume": "a deterministic run that is killed again and again against one that is not",
    "modes": "modes of `torch.compile`, CUDA graphs among them, against eager steps",
    "accuracy": "a whole run with fast settings against float32 in eager mode",
}
"""The most useful first, where time is short."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and record. Returns 1 if a goal is missed or a part fails."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="What one GPU does.",
        epilog="; ".join(f"{name}: {about}" for name, about in PARTS.items()),
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; or all")
    parser.add_argument("--spec", action="append", help="networks in place of a part's own")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--data", type=Path, help="Fashion-MNIST's IDX files, for `accuracy`")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="folder of all runs")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    given = parser.parse_args(arguments)
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part `{unknown[0]}`: there are {', '.join(PARTS)}")
    setting = Setting(given.device, tuple(given.spec or ()), given.data, given.out, given.quick)
    setting.out.mkdir(parents=True, exist_ok=True)
    print(setting.title, flush=True)
    failed = False
    for part in given.parts or PARTS:
        print(f"{part}: {PARTS[part]}", flush=True)
        found: list[Comparison] = []
        try:
            for comparison in import_module(f"benchmarks.gpu.{part}").measure(setting):
                print(f"  {line(comparison)}", flush=True)
                found.append(comparison)
                record(part, " ".join(sys.argv), found, setting.out / "results.json")
        except Exception:
            # The parts behind it may still say something on a machine that is there for minutes.
            traceback.print_exc()
            failed = True
        failed |= not given.quick and any(comparison.missed for comparison in found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
