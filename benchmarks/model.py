"""Emitted Attention-56 against the style of the port that is copied most: speed, and what is saved.

Two emitted modules run against `benchmarks.port`: the network of that port, in which nothing
differs but the style, and Attention-56 as it was released, which is what people want of the port.
First all as they come, in a training step (forward, loss, backward) and in inference; then all with
images and weights that have their channels last; then the released one as the runner trains it by
default, against the port as it comes. On one thread: two that wait for each other measure what else
the machine does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.timing import ROOT, Comparison, Course, Measure, compared, in_turns, seconds

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSES = 1000


def measure(course: Course) -> Iterator[Comparison]:
    """Training steps, inference and saved bytes of both emitted modules against the port."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from _measure(course)
    finally:
        torch.set_num_threads(threads)


def _measure(course: Course) -> Iterator[Comparison]:
    import torch

    import archcompiler
    from benchmarks.port import PortAttention56

    batch, size = (1, 64) if course.quick else (4, 224)
    torch.manual_seed(0)
    classes = [f"classes={CLASSES}"]
    emitted = {
        "Attention-56": archcompiler.compile("attention56", classes).module(),
        "the port's network": archcompiler.compile("tengshaofeng56", classes).module(),
    }
    models: dict[str, nn.Module] = {"port": PortAttention56(CLASSES, size), **emitted}
    images, labels = torch.randn(batch, 3, size, size), torch.randint(CLASSES, (batch,))
    shape = f"{batch}×3×{size}×{size}"
    rounds = min(course.rounds, 7)
    for order, words in (
        (torch.contiguous_format, "as it is"),
        (torch.channels_last, "channels-last"),
    ):
        for model in models.values():
            model.to(memory_format=order)
        x = images.to(memory_format=order)
        for title, run in (("training step", _step), ("inference", _infer)):
            runs: dict[str, Measure] = {
                name: partial(seconds, partial(run, model, x, labels))
                for name, model in models.items()
            }
            taken = in_turns(runs, rounds)
            for name in emitted:
                what = f"{name}, {title}, {shape}, {words}"
                goal = 0.95 if order is torch.contiguous_format and run is _step else None
                yield compared(what, taken[name], "the port's style", taken["port"], goal=goal)
    kept = {name: _saved_megabytes(model, images) for name, model in models.items()}
    for name in emitted:
        what = f"{name}, saved for the backward pass, {shape}"
        yield compared(what, [kept[name]], "the port's style", [kept["port"]], unit="MB")
    yield from _as_trained(models["port"], images, labels, rounds, kept["port"], shape)


def _as_trained(
    port: nn.Module, images: Tensor, labels: Tensor, rounds: int, kept: float, shape: str
) -> Iterator[Comparison]:
    """With the precision, the order of memory and the recomputation of a run by default."""
    import torch

    import archcompiler
    from archcompiler.runner.engine.building import build_state
    from archcompiler.runner.engine.keeping import planned_on
    from archcompiler.runner.recipe.loading import load_recipe
    from archcompiler.runner.recipe.settling import settle_recipe
    from archcompiler.runner.system.distributed import World
    from archcompiler.runner.system.hardware import settle
    from archcompiler.runner.system.place import ALONE

    network = archcompiler.compile("attention56", [f"classes={CLASSES}"])
    loaded = load_recipe("imagenet_modern", (f"batch_size={len(images)}", "device=cpu"))
    hardware = settle(loaded, torch.device("cpu"))
    recipe = settle_recipe(loaded, 1000, 3)
    plan = planned_on(hardware, ALONE, "ddp", loaded, recipe, network.graph)
    _, model = build_state(network, recipe, plan, {}, hardware, World(), "ddp")
    port.to(memory_format=torch.contiguous_format)

    def step() -> None:
        with hardware.autocast():
            _step(model, images, labels)

    measures: dict[str, Measure] = {
        "ours": partial(seconds, step),
        "port": partial(seconds, partial(_step, port, images, labels)),
    }
    taken = in_turns(measures, rounds)
    precision = str(hardware.precision).removeprefix("torch.")
    share = "" if plan is None else ", what is cheap made again"
    words = f"the runner's defaults ({precision}, channels-last{share})"
    what = f"Attention-56, training step, {shape}, {words}"
    yield compared(what, taken["ours"], "the port's style", taken["port"], goal=0.8)
    with hardware.autocast():
        ours = _saved_megabytes(model, images)
    what = f"Attention-56, saved for the backward pass, {shape}, {words}"
    yield compared(what, [ours], "the port's style", [kept], unit="MB", goal=0.75)


def _step(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    import torch.nn.functional as F

    model.train().zero_grad(set_to_none=True)
    F.cross_entropy(model(images), labels).backward()


def _infer(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    import torch

    model.eval()
    with torch.inference_mode():
        model(images)


def _saved_megabytes(model: nn.Module, images: Tensor) -> float:
    """What autograd really keeps, by torch's hooks."""
    if str(ROOT / "tests") not in sys.path:
        sys.path.append(str(ROOT / "tests"))
    import saved_tensors

    kept: Callable[..., int] = saved_tensors.kept_bytes
    return kept(model.train(), images) / 1e6
