"""How often a network is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcompiler.runner.data.augment import Normaliser
from archcompiler.runner.data.crops import Crops, single_crop
from archcompiler.runner.data.source import Tested
from archcompiler.runner.system.distributed import World
from archcompiler.runner.system.hardware import Hardware


@dataclass(frozen=True)
class Score:
    """The outcome of an evaluation."""

    loss: float
    """Mean cross entropy."""
    top1: float
    """Share of images whose class is the network's first choice."""
    top5: float
    """Share of images whose class is among its first five."""
    images: int
    """How many it is of."""


# Not `inference_mode`: a resumed run may start with an evaluation, in which `fully_shard` makes the
# tensors that it gathers weights into, once and for all. Training could not write into those.
@torch.no_grad()
def evaluate(
    network: nn.Module,
    batches: Iterable[Tested | None],
    normalise: Normaliser,
    hardware: Hardware,
    *,
    classes: int,
    crops: Crops = single_crop,
    world: World | None = None,
    answers: Callable[[Tensor, Tensor], object] | None = None,
) -> Score:
    """Evaluate in evaluation mode and leave the network in the mode it was in.

    With several crops the class probabilities of an image are averaged over them. `answers` is
    told the labels and the first choices of this process's images, (n,) int64 on the CPU each.
    """
    training = network.training
    network.eval()
    world = world or World()
    sums = torch.zeros(len(world.own), 4, device=hardware.device)
    try:
        for i, (images, labels, weight) in enumerate(filter(None, batches)):
            log_probability = log_probabilities(network, crops(images), normalise, hardware)
            loss = F.nll_loss(log_probability, labels, reduction="none")
            choices = log_probability.topk(min(5, classes)).indices
            right = choices == labels[:, None]
            measured = (loss, right[:, 0].float(), right.any(1).float(), torch.ones_like(loss))
            sums[i % len(sums)] += torch.stack([(v * weight).sum() for v in measured])
            if answers is not None:
                counted = weight.bool().cpu()
                answers(labels.cpu()[counted], choices[:, 0].cpu()[counted])
    finally:
        network.train(training)
    # Whole numbers below 2²⁴ are exact in float32, and nothing wider is on every device.
    loss_sum, first, five, images = world.total(sums).tolist()
    count = max(images, 1)
    return Score(loss_sum / count, first / count, five / count, int(images))


@torch.no_grad()
def log_probabilities(
    network: nn.Module, crops: Tensor, normalise: Normaliser, hardware: Hardware
) -> Tensor:
    """The log of the mean over the K views, (N, classes), of images in (K, N, C, H, W) bytes."""
    count, images = crops.shape[:2]
    with hardware.autocast():
        logits = network(normalise(crops.flatten(0, 1)))
    log_probability = F.log_softmax(logits.float(), 1).view(count, images, -1)
    return log_probability.logsumexp(0) - math.log(count)
