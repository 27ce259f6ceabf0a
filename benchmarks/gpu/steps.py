"""Images/s of training steps, their time and memory against their plans, and against a port.

A plan's time is the least: each operator by itself at the accelerator's peaks. A published anchor
for ResNet-50 in 16 bits on an H100 is 2,790 images/s from files in memory; here no file is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stepping import PLAIN, Steps, of_the_port, of_the_runner
from benchmarks.timing import Comparison, compared, in_turns

NETWORKS = {"resnet50": 256, "attention56": 256, "attention92": 256, "attention452": 64}
"""Images at most, by network."""
SETTINGS = {
    "float32": PLAIN,
    "TF32": (*PLAIN, "speed.tf32=true"),
    "16 bits, channels-last": ("speed.compile=off", "speed.memory=100%"),
    "as shipped": (),
}
REACHED = 0.6
"""The share of what is possible that a compiled network is to reach."""


def measure(setting: Setting) -> Iterator[Comparison]:
    """Every network by every setting, then Attention-56 in turns with the port."""
    specs = setting.specs or ("attention56_cifar",) if setting.quick else setting.specs
    for spec in specs or NETWORKS:
        batch = setting.batch(spec, NETWORKS.get(spec, 256), PLAIN)
        for title, settings in SETTINGS.items():
            yield from _against_plan(setting, spec, batch, title, settings)
            setting.forget()
    yield _against_port(setting)
    setting.forget()


def _against_plan(
    setting: Setting, spec: str, batch: int, title: str, settings: tuple[str, ...]
) -> Iterator[Comparison]:
    plan = setting.plan(spec, batch, settings)
    assert plan.seconds is not None
    steps = of_the_runner(setting, spec, batch, settings)
    steps.run(3)
    taken = [steps.one() for _ in range(setting.rounds)]
    what = f"{spec}, {title}, {_rate(steps, taken)}"
    goal = 1 / REACHED if title == "as shipped" else None
    yield compared(what, taken, "its plan", [plan.seconds] * len(taken), goal=goal)
    # What a compiler keeps is for it to say.
    if setting.cuda and not steps.hardware.compile:
        found, foreseen = steps.peak() / 1e6, plan.peak / 1e6
        yield compared(f"{what}, memory", [found], "its plan", [foreseen], unit="MB")
        off = abs(found / foreseen - 1)
        words = f"{spec}, {title}, how far memory is off its plan"
        yield Comparison(words, "1", off, 1.0, off, off, off, unit="", goal=0.03)


def _against_port(setting: Setting) -> Comparison:
    batch = setting.batch("tengshaofeng56", 128, PLAIN)
    runs = {
        "shipped": of_the_runner(setting, "attention56", batch, ()),
        "port": of_the_port(setting, batch),
    }
    for steps in runs.values():
        steps.run(3)
    taken = in_turns({name: steps.one for name, steps in runs.items()}, setting.rounds)
    what = f"attention56, as shipped, {_rate(runs['shipped'], taken['shipped'])}"
    port = f"the port as it comes, {_rate(runs['port'], taken['port'])}"
    return compared(what, taken["shipped"], port, taken["port"], goal=1 / 3)


def _rate(steps: Steps, taken: list[float]) -> str:
    middle = sorted(taken)[len(taken) // 2]
    return f"{steps.batch} at a time, {steps.batch / middle:,.0f} images/s"
