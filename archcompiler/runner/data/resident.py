"""Small data sets, which live on the device."""

from __future__ import annotations

from collections.abc import Generator

import torch

from archcompiler.runner.data.images import Images
from archcompiler.runner.data.source import Batch, EvaluationPlan, Tested
from archcompiler.runner.order import Parts, Samples


class Resident:
    """All images of a split on the device, to train on or to test on."""

    def __init__(self, images: Images, device: torch.device) -> None:
        self.classes = images.classes
        self.device = device
        self.pixels = torch.from_numpy(images.pixels).to(device)
        self.labels = torch.from_numpy(images.labels).to(device)
        channels, height, width = self.pixels.shape[1:]
        self.shape = (channels, height, width)

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, parts: Parts, start: int) -> Generator[Batch, None, None]:
        """See `TrainingData`."""
        step = start
        while True:
            for part in range(parts.parts):
                epoch, index = parts.samples(step, part)
                samples = Samples(
                    epoch.to(self.device, non_blocking=True),
                    index.to(self.device, non_blocking=True),
                )
                yield Batch(self.pixels[samples.indices], self.labels[samples.indices], samples)
            step += 1


class ResidentTest(Resident):
    """The same for tests."""

    def batches(  # type: ignore[override]
        self, plan: EvaluationPlan
    ) -> Generator[Tested, None, None]:
        """See `EvaluationData`."""
        for index, weight in plan.indices(len(self)):
            index = index.to(self.device)
            yield Tested(self.pixels[index], self.labels[index], weight.to(self.device))
