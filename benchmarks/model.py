"""Emitted Attention-56 against the style of the port that is copied most: speed, and what is saved.

Two emitted modules run against `benchmarks.port`: the network of that port, in which nothing
differs but the style, and Attention-56 as it was released, which is what people want of the port.
Each as it is and channels-last, in a training step (forward, loss, backward) and in inference, on
one thread: two that wait for each other measure what else the machine does.
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
    for format_, words in (
        (torch.contiguous_format, "as it is"),
        (torch.channels_last, "channels-last"),
    ):
        for model in models.values():
            model.to(memory_format=format_)
        x = images.contiguous(memory_format=format_)
        for title, run in (("training step", _step), ("inference", _infer)):
            runs: dict[str, Measure] = {
                name: partial(seconds, partial(run, model, x, labels))
                for name, model in models.items()
            }
            taken = in_turns(runs, min(course.rounds, 7))
            for name in emitted:
                what = f"{name}, {title}, {shape}, {words}"
                yield compared(what, taken[name], "the port's style", taken["port"])
    kept = {name: _saved_megabytes(model, images) for name, model in models.items()}
    for name in emitted:
        what = f"{name}, saved for the backward pass, {shape}"
        yield compared(what, [kept[name]], "the port's style", [kept["port"]], unit="MB")


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
