"""Speed of the analytic costs, as ratios within one run: `python benchmarks/costs.py`.

Imports are excluded on both sides, medians are taken of alternating repetitions, and torch is held
to one thread. Exit 1 if a bound is broken.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from statistics import median

import torch

import archcompiler
from archcompiler.tables.grid import cost_grid
from archcompiler.tables.report import Report
from archcompiler.tables.text import render

warnings.simplefilter("ignore")
from fvcore.nn import FlopCountAnalysis  # noqa: E402 - warns when imported

SPEC = "specs/attention452.toml"
LEAST_RATIO = 50
MOST_SECONDS = 3.0
MOST_GROWTH = 1.5


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def table(network: archcompiler.CompiledNetwork) -> str:
    """What `archcompiler flops` prints, computed anew."""
    return render([cost_grid([Report(network, network.graph)], [])])


def whole(modules: int) -> str:
    """From a spec to its table."""
    return table(archcompiler.compile(SPEC, [f"stages.0.modules={modules}"]))


def against_fvcore() -> float:
    """The table of Attention-452 against one trace of the same model by fvcore."""
    network = archcompiler.compile(SPEC)
    x = network.graph.input
    model = network.module().eval()
    image = torch.zeros(1, x.channels, x.height, x.width)

    def trace() -> None:
        with torch.no_grad():
            analysis = FlopCountAnalysis(model, image)
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            analysis.total()

    table(network), trace()
    ours, theirs = [], []
    for _ in range(5):
        ours.append(seconds(lambda: table(network)))
        theirs.append(seconds(trace))
    ratio = median(theirs) / median(ours)
    print(f"attention452: table {median(ours) * 1e3:.1f} ms, fvcore {median(theirs) * 1e3:.0f} ms")
    print(f"  fvcore takes {ratio:.0f} times as long (bound: {LEAST_RATIO})")
    return ratio


def growth() -> tuple[float, float]:
    """Spec to table for growing networks; the last against ten times the one before."""
    times = {}
    for modules in (100, 1_000, 10_000):
        times[modules] = median(seconds(lambda n=modules: whole(n)) for _ in range(3))
        print(f"{modules:>6,} + 12 modules: spec to table {times[modules]:.2f} s")
    linear = times[10_000] / (10 * times[1_000])
    print(f"  10,000 against ten times 1,000: {linear:.2f} (bound: {MOST_GROWTH})")
    return linear, times[10_000]


def main() -> int:
    torch.set_num_threads(1)
    ratio = against_fvcore()
    linear, longest = growth()
    held = ratio >= LEAST_RATIO and linear <= MOST_GROWTH and longest < MOST_SECONDS
    print("bounds hold" if held else "A BOUND IS BROKEN")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
