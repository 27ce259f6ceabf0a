"""Opens the data of a recipe for a spec, or says why the two do not go together."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.runner.classes import numbers
from archcompiler.runner.data.fitting import (
    image_of,
    require_fit,
    require_one_output,
    require_small_fit,
    single_class,
    small_crop,
)
from archcompiler.runner.data.images import Splits
from archcompiler.runner.data.source import EvaluationData, TrainingData
from archcompiler.runner.data.validation import Parts, divide
from archcompiler.runner.data.views import View, usual_view
from archcompiler.runner.recipe.choices import Split
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import (
    Cifar10,
    Cifar100,
    Embedded,
    FashionMnist,
    Folder,
    Small,
)
from archcompiler.runner.system.place import read_place
from archcompiler.spec.model import Spec


@dataclass(frozen=True)
class OpenedData:
    """What a run trains on, and what it chooses its best weights by."""

    train: TrainingData
    judge: EvaluationData
    split: Split
    """Which images those of `judge` are: validation, or test if nothing is held back."""
    summary: str
    """How many images there are of each split, and how many classes."""
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True)
class OpenedSplit:
    """What a trained network is evaluated on."""

    images: EvaluationData
    warnings: tuple[Diagnostic, ...] = ()


def open_data(loaded: LoadedRecipe, spec: Spec, device: torch.device) -> OpenedData:
    """The data of a recipe as the spec's input.

    Raises CompileError: E703 if they do not fit the spec or there are none to test on, E704 if a
    file is not as it should be.
    """
    recipe, data = loaded.recipe, loaded.recipe.data
    _, height, width = image_of(loaded, spec)
    require_one_output(loaded, spec)
    if isinstance(data, Folder):
        data = with_workers(data)
        from archcompiler.runner.data.listing import list_all
        from archcompiler.runner.data.streamed import StreamedTest, StreamedTraining

        files = list_all(data, recipe.seed)
        require_fit(loaded, spec, (3, height, width), len(files.train.classes))
        _require_images(loaded, len(files.test), "test")
        size, split = (height, width), _judging(len(files.validation))
        view = usual_view(data, size)
        judged = files.test if split == "test" else files.validation
        return OpenedData(
            StreamedTraining(files.train, data, size, recipe.seed, device),
            StreamedTest(judged, data, view.cover, view.crop, device),
            split,
            _summary(len(files.train), len(files.validation), len(files.test), files.train.classes),
            (
                *dict.fromkeys(warning for part in files for warning in part.warnings),
                *small_crop(loaded, view.cover, view.crop),
                *single_class(loaded, files.train.classes),
            ),
        )

    from archcompiler.runner.data.resident import ResidentTest, ResidentTraining

    splits = read_small(data)
    require_small_fit(loaded, spec, data, splits.train)
    _require_images(loaded, len(splits.test), "test")
    parts = divide(splits.train.labels, data.validation, recipe.seed)
    split = _judging(len(parts.validation))
    images = splits.test if split == "test" else splits.train.part(parts.validation)
    return OpenedData(
        ResidentTraining(splits.train.part(parts.train).padded(data.pad), device),
        ResidentTest(images.padded(data.pad), device),
        split,
        _summary(len(parts.train), len(parts.validation), len(splits.test), splits.train.classes),
    )


def open_split(
    loaded: LoadedRecipe,
    spec: Spec,
    device: torch.device,
    split: Split = "test",
    view: View | None = None,
    classes: tuple[str, ...] | None = None,
) -> OpenedSplit:
    """One split alone to evaluate on, photographs as a `view` has them.

    With the `classes` that a network was trained on, the labels are numbers of those, by name; the
    data may have some of them only.

    Raises CompileError as `open_data` does, E703 also if a split has no images and E740 if the data
    have classes that are not in `classes`.
    """
    recipe, data = loaded.recipe, loaded.recipe.data
    place = loaded.span(("data",), "key")
    _, height, width = image_of(loaded, spec)
    if isinstance(data, Folder):
        data = with_workers(data)
        from archcompiler.runner.data.listing import list_split
        from archcompiler.runner.data.streamed import StreamedTest

        files = list_split(data, recipe.seed, split)
        if classes is not None:
            files = files.renumbered(numbers(files.classes, classes, place), classes)
        require_fit(loaded, spec, (3, height, width), len(files.classes))
        _require_images(loaded, len(files), split)
        view = view or usual_view(data, (height, width))
        return OpenedSplit(
            StreamedTest(files, data, view.cover, view.crop, device),
            (*files.warnings, *small_crop(loaded, view.cover, view.crop)),
        )

    from archcompiler.runner.data.resident import ResidentTest

    splits = read_small(data)
    if classes is not None:
        own = numbers(splits.train.classes, classes, place)
        splits = Splits(*(part.renumbered(own, classes) for part in (splits.train, splits.test)))
    images = splits.test
    if split != "test":
        parts = divide(splits.train.labels, data.validation, recipe.seed)
        images = splits.train.part(_chosen(parts, split))
    require_small_fit(loaded, spec, data, images)
    _require_images(loaded, len(images), split)
    return OpenedSplit(ResidentTest(images.padded(data.pad), device))


def _judging(validation: int) -> Split:
    return "validation" if validation else "test"


def _chosen(parts: Parts, split: Split) -> npt.NDArray[np.int64]:
    return parts.train if split == "train" else parts.validation


def _require_images(loaded: LoadedRecipe, count: int, split: Split) -> None:
    if count:
        return
    data = loaded.recipe.data
    place: tuple[str, ...] = ("data",)
    notes: tuple[str, ...] = ()
    help = None
    if split == "validation":
        place = ("data", "validation")
        few = "no class has two images to train on, one of which could be held back"
        notes = (few if data.validation else "the recipe holds back none of the training images",)
    elif isinstance(data, Folder) and data.test_share:
        place = ("data", "test_share")
        notes = ("of a class with one image, that is trained on and none is drawn to test on",)
        help = "two images of a class are needed for that, and three to choose the best weights by"
    raise CompileError(
        error("E703", f"there are no {split} images", loaded.span(place), notes=notes, help=help)
    )


def _summary(train: int, validation: int, test: int, classes: tuple[str, ...]) -> str:
    held = f"{validation:,} validation" if validation else "no validation"
    return f"{train:,} training, {held} and {test:,} test images of {_count(classes)}"


def _count(classes: tuple[str, ...]) -> str:
    return "1 class" if len(classes) == 1 else f"{len(classes):,} classes"


_MOST_WORKERS = 16
"""By default: with more, what they hold in memory grows faster than what they deliver."""


def with_workers(data: Folder) -> Folder:
    """With their number settled: no more than there are cores for this process."""
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    cores = max(cores // read_place().local_size, 1)
    wanted = _MOST_WORKERS if data.workers is None else data.workers
    return data.model_copy(update={"workers": min(wanted, cores)})


def read_small(data: Small) -> Splits:
    """The images of a small data set as its files have them. Raises CompileError E704."""
    from archcompiler.runner.data.cifar import CIFAR10, CIFAR100, read_cifar
    from archcompiler.runner.data.embedded import read_embedded
    from archcompiler.runner.data.idx import read_fashion_mnist

    match data:
        case Embedded():
            return read_embedded()
        case FashionMnist():
            return read_fashion_mnist(Path(data.path).expanduser())
        case Cifar10():
            return read_cifar(Path(data.path).expanduser(), CIFAR10)
        case Cifar100():
            return read_cifar(Path(data.path).expanduser(), CIFAR100)
    raise TypeError(f"no reader for {type(data).__name__}")
