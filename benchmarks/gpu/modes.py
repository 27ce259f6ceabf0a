"""Modes of `torch.compile` against eager steps in 16 bits; two of them record CUDA graphs.

Attention-452 is where launches count: 4,082 small operators.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stepping import PLAIN, of_the_runner
from benchmarks.timing import Comparison, compared

NETWORKS = {"attention56": 128, "attention452": 32}
MODES = ("on", "blocks", "reduce-overhead", "max-autotune")


def measure(setting: Setting) -> Iterator[Comparison]:
    """Each mode, with the seconds of its first step."""
    specs = setting.specs or ("attention56_cifar",) if setting.quick else setting.specs
    for spec in specs or NETWORKS:
        batch = setting.batch(spec, NETWORKS.get(spec, 128), PLAIN)
        eager: list[float] = []
        for mode in ("off", *MODES[: 1 if setting.quick else None]):
            steps = of_the_runner(setting, spec, batch, (f"speed.compile={mode}",))
            first = steps.run(1)
            steps.run(3)
            taken = [steps.one() for _ in range(setting.rounds)]
            eager = eager or taken
            middle = sorted(taken)[len(taken) // 2]
            what = (
                f"{spec}, {batch} at a time, compile={mode}, {batch / middle:,.0f} images/s, "
                f"{first:.0f} s for the first step"
            )
            yield compared(what, taken, "eager", eager)
            del steps
            setting.forget()
