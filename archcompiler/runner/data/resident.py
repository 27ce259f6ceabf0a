"""Small data sets, which live on the device."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from archcompiler.runner.data.fingerprint import of_arrays
from archcompiler.runner.data.images import Images
from archcompiler.runner.data.order import Parts, Samples
from archcompiler.runner.data.source import Batch, EvaluationPlan, Tested, to_device


class _Resident:
    """All images of a split on the device."""

    def __init__(self, images: Images, device: torch.device) -> None:
        self.classes = images.classes
        self.missed: dict[str, str] = {}
        self.device = device
        # torch warns of arrays that cannot be written to, as in a file's memory: they are copied.
        self.pixels = torch.from_numpy(np.require(images.pixels, requirements="W")).to(device)
        self.labels = torch.from_numpy(np.require(images.labels, requirements="W")).to(device)
        channels, height, width = self.pixels.shape[1:]
        self.shape = (channels, height, width)

    def __len__(self) -> int:
        return len(self.labels)


class ResidentTraining(_Resident):
    """Images to train on."""

    def fingerprint(self) -> str:
        """See `TrainingData`."""
        return of_arrays(self.pixels.cpu().numpy(), self.labels.cpu().numpy())

    def batches(self, parts: Parts, start: int) -> Generator[Batch, None, None]:
        """See `TrainingData`."""
        for part in parts.stream(start):
            samples = Samples(*(to_device(t, self.device) for t in part))
            yield Batch(self.pixels[samples.indices], self.labels[samples.indices], samples)


class ResidentTest(_Resident):
    """Images to test on."""

    def kept(self) -> AbstractContextManager[None]:
        """See `EvaluationData`."""
        return nullcontext()

    def batches(self, plan: EvaluationPlan) -> Generator[Tested, None, None]:
        """See `EvaluationData`."""
        for index, weight in plan.indices(len(self)):
            index = to_device(index, self.device)
            yield Tested(self.pixels[index], self.labels[index], to_device(weight, self.device))
