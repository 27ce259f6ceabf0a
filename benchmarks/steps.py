"""Planned times of training steps against measured ones, over all shipped networks.

The machine is an accelerator of two figures, measured first and not fitted: the rate of a large
matrix product and that of a long addition. What `archcompiler plan` then says of a step is a least
time; what matters is whether it puts networks in their order.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from benchmarks.timing import ROOT, Comparison, Course, seconds

if TYPE_CHECKING:
    import torch

    from archcompiler.analysis.roofline import Accelerator

IMAGES = 2


def measure(course: Course) -> Iterator[Comparison]:
    """How far apart planned and measured times are, and how far apart their orders."""
    import torch

    import archcompiler
    from archcompiler.analysis.step_time import training_seconds

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        machine = this_machine(torch.device("cpu"))
        planned, measured = [], []
        for spec in _specs(course):
            network = archcompiler.compile(spec)
            planned.append(training_seconds(network.graph, machine, "single", IMAGES))
            step = _step(network)
            step()
            measured.append(min(seconds(step) for _ in range(2)))
    finally:
        torch.set_num_threads(threads)
    ratios = [a / b for a, b in zip(measured, planned, strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    count = len(ratios)
    yield Comparison(
        f"training steps of {count} shipped networks, {IMAGES} images",
        "their plans",
        statistics.median(measured),
        statistics.median(planned),
        ratio,
        low,
        high,
    )
    apart = 1 - _rank_correlation(planned, measured)
    yield Comparison(
        f"1 - rank correlation of these {count} steps and plans",
        "1",
        apart,
        1.0,
        apart,
        apart,
        apart,
        unit="",
        goal=0.05,
    )


def _specs(course: Course) -> list[str]:
    found = sorted(
        str(path)
        for suffix in ("toml", "json")
        for path in (ROOT / "specs").rglob(f"*.{suffix}")
        if not {"recipes", "spaces", "studies"} & set(path.parts)
    )
    return found[:: len(found) // 3] if course.quick else found


def this_machine(device: torch.device, *, quick: bool = False) -> Accelerator:
    """A device by the rates of a large product and of a long addition; a CPU's of one thread."""
    import torch

    from archcompiler.analysis.roofline import Accelerator
    from archcompiler.runner.system.memory import machine_memory

    def best(run: Callable[[], object]) -> float:
        def waited() -> None:
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        return min(seconds(waited) for _ in range(2 if quick else 5))

    side, length = (256, 1 << 20) if quick else (2048, 1 << 26)
    a, b = torch.rand(side, side, device=device), torch.rand(side, side, device=device)
    long, other, out = (torch.rand(length, device=device) for _ in range(3))
    product = 2 * side**3 / best(lambda: torch.mm(a, b))
    bandwidth = 3 * 4 * length / best(lambda: torch.add(long, other, out=out))
    if device.type == "cuda":
        c, d = a.bfloat16(), b.bfloat16()
        half = 2 * side**3 / best(lambda: torch.mm(c, d))
        title, memory = torch.cuda.get_device_name(device), torch.cuda.mem_get_info(device)[1]
    else:
        half, title, memory = product, "a processor", machine_memory().total
    return Accelerator("this", title, half, product, bandwidth, memory >> 30, "measured")


def _step(network: object) -> Callable[[], None]:
    import torch

    model, size = network.module().train(), network.graph.input
    images = torch.rand(IMAGES, size.channels, *size.size)

    def step() -> None:
        model.zero_grad(set_to_none=True)
        model(images).square().mean().backward()

    return step


def _rank_correlation(one: list[float], two: list[float]) -> float:
    """Spearman's; equal values have their mean rank."""
    ranks = []
    for values in (one, two):
        order = sorted(values)
        ranks.append([bisect_left(order, v) + bisect_right(order, v) for v in values])
    return statistics.correlation(*ranks)
