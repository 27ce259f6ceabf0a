"""A trained network that looks at images, in an evaluation or for a person who names them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.runner.data.augment import Normaliser
from archcompiler.runner.data.files import unreadable
from archcompiler.runner.data.fitting import image_of, require_inside
from archcompiler.runner.data.listing import ImageFiles
from archcompiler.runner.data.opening import with_workers
from archcompiler.runner.data.source import EvaluationPlan
from archcompiler.runner.data.streamed import StreamedTest
from archcompiler.runner.data.views import Size, View, of_files, view_of
from archcompiler.runner.engine.evaluate import log_probabilities
from archcompiler.runner.recipe.choices import OnError
from archcompiler.runner.recipe.model import Folder, Pixels, Recipe
from archcompiler.runner.report.predictions import Prediction
from archcompiler.runner.store.trained import Trained
from archcompiler.runner.system.failures import evaluation_fits, explained
from archcompiler.runner.system.hardware import Hardware, resolve_device, settle

_FEW = 64
"""Images that are decoded before worker processes would have started."""


@dataclass(frozen=True)
class Inference:
    """A network on its device, and the view of images that it is given."""

    trained: Trained
    hardware: Hardware
    network: nn.Module
    normalise: Normaliser
    size: Size
    crops: int
    view: View

    @classmethod
    def prepare(cls, trained: Trained, size: Size | None, crops: int = 1) -> Inference:
        """At `size`, by default the one of training. Raises CompileError E703 or E707."""
        recipe = trained.loaded.recipe
        device = resolve_device(recipe.device)
        hardware = settle(trained.loaded, device)
        _, *usual = image_of(trained.loaded, trained.compiled.spec)
        wanted = size or (usual[0], usual[1])
        trained.require_size(*wanted)
        require_inside(trained.loaded, trained.compiled.spec)
        network = hardware.take(trained.module)
        return cls(
            trained,
            hardware,
            network,
            Normaliser.of(recipe.data.mean, recipe.data.std, device),
            wanted,
            crops,
            view_of(recipe.data, (usual[0], usual[1]), wanted, crops),
        )

    @property
    def recipe(self) -> Recipe:
        return self.trained.loaded.recipe

    def plan(self, limit: int | None = None) -> EvaluationPlan:
        """As many images at a time as the recipe has in evaluations."""
        return EvaluationPlan(max(self.recipe.evaluation_batch // self.crops, 1), limit)

    @contextmanager
    def fitting(self) -> Iterator[None]:
        """Turn a lack of memory into CompileError E709."""
        with explained(self.recipe), evaluation_fits(self.recipe.evaluation_batch):
            yield

    def given(self, files: ImageFiles, on_error: OnError | None) -> Given:
        """Images that a person names, which may be of any size; what one that cannot be read does
        is the recipe's to say if it is not said.
        """
        data, channels = self.recipe.data, self.trained.compiled.spec.input[0]
        reading = data if isinstance(data, Folder) else _photographs(data)
        reading = with_workers(reading.model_copy(update={"on_error": "skip"}))
        if len(files) <= _FEW:
            reading = reading.model_copy(update={"workers": 0})
        view = of_files(self.view, data, channels)
        images = StreamedTest(files, reading, view.cover, view.crop, self.hardware.device)
        policy = on_error or (data.on_error if isinstance(data, Folder) else "stop")
        return Given(files, images, view, self.plan(), policy)

    def predict(self, names: Sequence[str], views: Tensor, top: int) -> list[Prediction]:
        """The likeliest classes of images, by their (K, N, C, H, W) bytes."""
        found = log_probabilities(self.network, views, self.normalise, self.hardware).exp().cpu()
        shares, numbers = found.topk(min(top, found.shape[1]))
        classes = self.trained.classes or tuple(map(str, range(found.shape[1])))
        return [
            Prediction(name, tuple(zip([classes[n] for n in row], values, strict=True)))
            for name, row, values in zip(names, numbers.tolist(), shares.tolist(), strict=True)
        ]

    def input(self, images: Tensor) -> Tensor:
        """What the network takes of (N, C, H, W) bytes."""
        return self.normalise(images)


@dataclass(frozen=True)
class Given:
    """Images that a person names, as a network is given them."""

    files: ImageFiles
    images: StreamedTest
    view: View
    plan: EvaluationPlan
    on_error: OnError

    @property
    def missed(self) -> dict[str, str]:
        """Files that could not be read so far, by path, and why."""
        return self.images.missed

    def warnings(self) -> list[Diagnostic]:
        """W730 and W733 about what was left out so far."""
        missed = [unreadable(self.missed)] if self.missed else []
        return [*self.files.warnings, *missed]

    def require_some(self) -> None:
        """Raise CompileError E712 if not one of them could be read."""
        count = len(set(self.files.paths))  # A person may name one twice.
        if len(self.missed) == count:
            files = "the image" if count == 1 else f"any of the {count:,} images"
            raise CompileError(error("E712", f"cannot read {files}"), unreadable(self.missed))

    def batches(self) -> Generator[tuple[list[str], Tensor], None, None]:
        """Paths and views, (K, n, C, H, W) bytes, of some images after the other.

        Raises CompileError E712 for a file that cannot be read, unless those are to be skipped.
        """
        start = 0
        with closing(self.images.batches(self.plan)) as batches:
            for images, _, weight in filter(None, batches):
                self._require_all()
                paths = self.files.paths[start : start + self.plan.size]
                start += self.plan.size
                there = [i for i in range(len(paths)) if weight[i]]
                if there:
                    yield [paths[i] for i in there], self.view.crops(images[there])

    def _require_all(self) -> None:
        if self.on_error == "stop" and self.missed:
            path, reason = next(iter(self.missed.items()))
            raise CompileError(
                error(
                    "E712",
                    f"cannot read the image `{path}`: {reason}",
                    help="`--on-error skip` leaves such images out, and counts them",
                )
            )


def _photographs(data: Pixels) -> Folder:
    """How files are read for a network whose own images were in none."""
    return Folder(type="folder", mean=data.mean, std=data.std)
