"""Large data sets, decoded by worker processes while the device computes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.data.folder import (
    Centred,
    Guarded,
    ImageFiles,
    Key,
    TrainingCrops,
    collate,
)
from archcompiler.runner.data.source import Batch, EvaluationPlan, Tested
from archcompiler.runner.order import Parts, Samples
from archcompiler.runner.recipe import Folder


class StreamedTraining:
    """Crops of training images."""

    def __init__(
        self,
        files: ImageFiles,
        data: Folder,
        size: tuple[int, int],
        seed: int,
        device: torch.device,
    ) -> None:
        self.classes = files.classes
        self.shape = (3, *size)
        self.device = device
        self.labels = torch.tensor(files.labels)
        self._crops = TrainingCrops(files, data, size, seed)
        self._workers = data.workers

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, parts: Parts, start: int) -> Iterator[Batch]:
        """See `TrainingData`. A resumed run starts its workers at the step itself."""
        keys = _Keys(parts, start)
        loader = _loader(self._crops, keys, self._workers, self.device)
        for images, samples in zip(loader, _samples(parts, start), strict=False):
            labels = self.labels[samples.indices]
            yield Batch(
                _arrived(images).to(self.device, non_blocking=True),
                labels.to(self.device, non_blocking=True),
                Samples(*(t.to(self.device, non_blocking=True) for t in samples)),
            )


class StreamedTest:
    """Central crops of test images."""

    def __init__(
        self,
        files: ImageFiles,
        resize: int,
        size: tuple[int, int],
        workers: int,
        device: torch.device,
    ) -> None:
        self.classes = files.classes
        self.device = device
        self.labels = torch.tensor(files.labels)
        self._images = Centred(files, resize, size)
        self._workers = workers

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, plan: EvaluationPlan) -> Iterator[Tested]:
        """See `EvaluationData`."""
        chosen = list(plan.indices(len(self)))
        keys = [index.tolist() for index, _ in chosen]
        loader = _loader(self._images, keys, self._workers, self.device)
        for images, (index, weight) in zip(loader, chosen, strict=True):
            yield Tested(
                _arrived(images).to(self.device, non_blocking=True),
                self.labels[index].to(self.device),
                weight.to(self.device),
            )


class _Keys:
    """The keys of each part, as the loader's endless batch sampler."""

    def __init__(self, parts: Parts, start: int) -> None:
        self.parts = parts
        self.start = start

    def __iter__(self) -> Iterator[list[Key]]:
        for samples in _samples(self.parts, self.start):
            yield [Key(*pair) for pair in zip(*(t.tolist() for t in samples), strict=True)]


def _samples(parts: Parts, start: int) -> Iterator[Samples]:
    step = start
    while True:
        for part in range(parts.parts):
            yield parts.samples(step, part)
        step += 1


def _loader(
    images: Dataset[Tensor], keys: _Keys | list[list[int]], workers: int, device: torch.device
) -> DataLoader[Tensor | Diagnostic]:
    return DataLoader(
        Guarded(images),
        batch_sampler=keys,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device.type == "cuda",
        prefetch_factor=4 if workers else None,
        # A forked worker of a process with threads and a GPU may hang.
        multiprocessing_context="forkserver" if workers else None,
    )


def _arrived(images: Tensor | Diagnostic) -> Tensor:
    if isinstance(images, Diagnostic):
        raise CompileError(images)
    return images
