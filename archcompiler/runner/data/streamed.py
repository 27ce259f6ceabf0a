"""Large data sets, decoded by worker processes while the device computes."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner.data.fingerprint import of_files
from archcompiler.runner.data.folder import (
    Centred,
    Guarded,
    ImageFiles,
    Key,
    TrainingCrops,
    collate,
)
from archcompiler.runner.data.order import Parts, Samples
from archcompiler.runner.data.source import Batch, EvaluationPlan, Tested, to_device
from archcompiler.runner.recipe.model import Folder
from archcompiler.runner.system import signals
from archcompiler.runner.system.failures import workers_missed


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

    def fingerprint(self) -> str:
        """See `TrainingData`."""
        return of_files(self._crops.files.paths)

    def batches(self, parts: Parts, start: int) -> Generator[Batch, None, None]:
        """See `TrainingData`. A resumed run starts its workers at the step itself."""
        keys = _Keys(parts, start)
        decoded = _decoded(self._crops, keys, self._workers, self.device)
        for images, samples in zip(decoded, parts.stream(start), strict=False):
            labels = self.labels[samples.indices]
            yield Batch(
                to_device(images, self.device),
                to_device(labels, self.device),
                Samples(*(to_device(t, self.device) for t in samples)),
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

    def batches(self, plan: EvaluationPlan) -> Generator[Tested, None, None]:
        """See `EvaluationData`."""
        chosen = list(plan.indices(len(self)))
        keys = [index.tolist() for index, _ in chosen]
        decoded = _decoded(self._images, keys, self._workers, self.device)
        for images, (index, weight) in zip(decoded, chosen, strict=True):
            yield Tested(
                to_device(images, self.device),
                to_device(self.labels[index], self.device),
                to_device(weight, self.device),
            )


class _Keys:
    """The keys of each part, as the loader's endless batch sampler."""

    def __init__(self, parts: Parts, start: int) -> None:
        self.parts = parts
        self.start = start

    def __iter__(self) -> Iterator[list[Key]]:
        for samples in self.parts.stream(self.start):
            yield [Key(*pair) for pair in zip(*(t.tolist() for t in samples), strict=True)]


def _decoded(
    images: Dataset[Tensor], keys: _Keys | list[list[int]], workers: int, device: torch.device
) -> Iterator[Tensor]:
    """Batches of images. Raises CompileError with what is wrong with one."""
    loader: DataLoader[Tensor | Diagnostic] = DataLoader(
        Guarded(images),
        batch_sampler=keys,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device.type == "cuda",
        prefetch_factor=4 if workers else None,
        # A forked worker of a process with threads and a GPU may hang.
        multiprocessing_context="forkserver" if workers else None,
        worker_init_fn=signals.ignore,
    )
    # Workers go on after a signal, until the checkpoint is written; so must their server.
    with signals.held():
        batches = iter(loader)
    while True:
        with workers_missed():
            batch = next(batches, None)
        if batch is None:
            return
        if isinstance(batch, Diagnostic):
            raise CompileError(batch)
        yield batch
