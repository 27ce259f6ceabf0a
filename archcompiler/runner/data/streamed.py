"""Large data sets, decoded by worker processes while the device computes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

import torch

from archcompiler.runner.data.fingerprint import of_files
from archcompiler.runner.data.folder import Centred, Key, TrainingCrops
from archcompiler.runner.data.listing import ImageFiles
from archcompiler.runner.data.order import Parts, Samples
from archcompiler.runner.data.source import Batch, EvaluationPlan, Tested, to_device
from archcompiler.runner.data.workers import Workers
from archcompiler.runner.recipe.model import Folder
from archcompiler.runner.system.memory import AHEAD, AHEAD_IN_TESTS


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
        self._data = data
        self.missed: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def fingerprint(self) -> str:
        """See `TrainingData`."""
        return of_files(self._crops.files.paths)

    def batches(self, parts: Parts, start: int) -> Generator[Batch | None, None, None]:
        """See `TrainingData`. A resumed run starts its workers at the step itself."""
        keys = _Keys(parts, start)
        workers = Workers(
            self._crops,
            keys,
            self._data.workers or 0,
            self.device,
            ahead=AHEAD,
            timeout=self._data.timeout,
            path=lambda key: self._crops.files.paths[key.image],
        )
        stream = parts.stream(start)
        with closing(workers):
            for batch in workers.batches():
                if batch is None:
                    yield None
                    continue
                samples = next(stream)
                self.missed |= batch.missed
                labels = self.labels[samples.indices]
                yield Batch(
                    to_device(batch.images, self.device),
                    to_device(labels, self.device),
                    Samples(*(to_device(t, self.device) for t in samples)),
                    int((~batch.own).sum()),
                )


class StreamedTest:
    """Central crops of test images."""

    def __init__(
        self,
        files: ImageFiles,
        data: Folder,
        cover: tuple[int, int],
        size: tuple[int, int],
        device: torch.device,
    ) -> None:
        self.classes = files.classes
        self.device = device
        self.labels = torch.tensor(files.labels)
        self._images = Centred(files, data, cover, size)
        self.missed: dict[str, str] = {}
        self._data = data
        self._keeps = False
        self._workers: Workers | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """See `EvaluationData`."""
        self._keeps = True
        try:
            yield
        finally:
            self._keeps = False
            self._end()

    def batches(self, plan: EvaluationPlan) -> Generator[Tested | None, None, None]:
        """See `EvaluationData`."""
        chosen = list(plan.indices(len(self)))
        keys = [index.tolist() for index, _ in chosen]
        if self._workers is None or self._workers.keys != keys:
            self._end()
            self._workers = Workers(
                self._images,
                keys,
                self._data.workers or 0,
                self.device,
                ahead=AHEAD_IN_TESTS,
                timeout=self._data.timeout,
                path=lambda index: self._images.files.paths[index],
            )
        try:
            plans = iter(chosen)
            for batch in self._workers.batches():
                if batch is None:
                    yield None
                    continue
                index, weight = next(plans)
                self.missed |= batch.missed
                yield Tested(
                    to_device(batch.images, self.device),
                    to_device(self.labels[index], self.device),
                    to_device(weight * batch.own, self.device),
                )
        finally:
            if not self._keeps:
                self._end()

    def _end(self) -> None:
        if self._workers is not None:
            self._workers.close()
            self._workers = None


class _Keys:
    """The keys of each part, as the loader's endless batch sampler."""

    def __init__(self, parts: Parts, start: int) -> None:
        self.parts = parts
        self.start = start

    def __iter__(self) -> Iterator[list[Key]]:
        for samples in self.parts.stream(self.start):
            yield [Key(*pair) for pair in zip(*(t.tolist() for t in samples), strict=True)]
