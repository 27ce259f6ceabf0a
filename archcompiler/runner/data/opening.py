"""Opens the data of a recipe for a spec, or says why the two do not go together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.runner.classes import numbers
from archcompiler.runner.data.images import Splits
from archcompiler.runner.data.source import EvaluationData, TrainingData
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import (
    Cifar10,
    Cifar100,
    Embedded,
    FashionMnist,
    Folder,
    Small,
)
from archcompiler.spec.model import Spec


@dataclass(frozen=True)
class OpenedData:
    """Both splits, ready to be trained and tested on."""

    train: TrainingData
    test: EvaluationData


@dataclass(frozen=True)
class EvaluationView:
    """How photographs are brought to size in a test other than the recipe's."""

    resize: int
    """Shorter side, in pixels."""
    crop: tuple[int, int]
    """(H, W) of the middle that is kept."""


def open_data(
    loaded: LoadedRecipe,
    spec: Spec,
    device: torch.device,
    view: EvaluationView | None = None,
    classes: tuple[str, ...] | None = None,
) -> OpenedData:
    """The data of a recipe as the spec's input; photographs of the test as a `view` has them.

    With the `classes` that a network was trained on, the labels are numbers of those, by name; the
    data may have some of them only.

    Raises CompileError: E703 if they do not fit the spec, E704 if a file is not as it should be,
    E740 if they have classes that are not in `classes`.
    """
    recipe = loaded.recipe
    data = recipe.data
    channels, height, width = _image(loaded, spec)
    if isinstance(data, Folder):
        from archcompiler.runner.data.folder import list_images
        from archcompiler.runner.data.streamed import StreamedTest, StreamedTraining

        train, test = list_images(data)
        if classes is not None:
            place = loaded.span(("data",), "key")
            train, test = (
                part.renumbered(numbers(part.classes, classes, place), classes)
                for part in (train, test)
            )
        _require_fit(loaded, spec, (3, height, width), train.classes)
        size = (height, width)
        view = view or EvaluationView(data.resize, size)
        return OpenedData(
            StreamedTraining(train, data, size, recipe.seed, device),
            StreamedTest(test, view.resize, view.crop, data, device),
        )

    from archcompiler.runner.data.resident import ResidentTest, ResidentTraining

    splits = read_small(data)
    if classes is not None:
        own = numbers(splits.train.classes, classes, loaded.span(("data",), "key"))
        splits = Splits(*(part.renumbered(own, classes) for part in (splits.train, splits.test)))
    pixels = splits.train.pixels.shape
    grey = pixels[1] == 1 and data.grey == "repeat"
    shape = (channels if grey else pixels[1], pixels[2] + 2 * data.pad, pixels[3] + 2 * data.pad)
    _require_fit(loaded, spec, shape, splits.train.classes)
    return OpenedData(
        ResidentTraining(splits.train.padded(data.pad), device),
        ResidentTest(splits.test.padded(data.pad), device),
    )


def read_small(data: Small) -> Splits:
    """The images of a small data set as its files have them. Raises CompileError E704."""
    from archcompiler.runner.data.cifar import CIFAR10, CIFAR100, read_cifar
    from archcompiler.runner.data.embedded import read_embedded
    from archcompiler.runner.data.idx import read_fashion_mnist

    match data:
        case Embedded():
            return read_embedded()
        case FashionMnist():
            return read_fashion_mnist(Path(data.path))
        case Cifar10():
            return read_cifar(Path(data.path), CIFAR10)
        case Cifar100():
            return read_cifar(Path(data.path), CIFAR100)
    raise TypeError(f"no reader for {type(data).__name__}")


def _image(loaded: LoadedRecipe, spec: Spec) -> tuple[int, int, int]:
    """The spec's input as C, H, W. Raises CompileError E703 if it is no image."""
    match spec.input:
        case (channels, height, width):
            return channels, height, width
    raise CompileError(
        error(
            "E703",
            f"`{spec.name}` takes {_shape(spec.input)}, but every data set is of images",
            loaded.span(("data",), "key"),
            notes=("what `archcompiler build` writes can be trained on other data elsewhere",),
        )
    )


def _require_fit(
    loaded: LoadedRecipe, spec: Spec, shape: tuple[int, int, int], classes: tuple[str, ...]
) -> None:
    found: list[Diagnostic] = []
    name, kind = spec.name, loaded.recipe.data.type
    if shape != spec.input:
        found.append(
            error(
                "E703",
                f"`{name}` takes {_shape(spec.input)}, but `{kind}` gives {_shape(shape)}",
                loaded.span(("data",), "key"),
                help=_shape_help(shape, spec.input),
            )
        )
    if len(classes) != spec.classes:
        found.append(
            error(
                "E703",
                f"`{name}` has {spec.classes} classes, but `{kind}` has {len(classes)}",
                loaded.span(("data",), "key"),
                help=f"`--set classes={len(classes)}` changes the spec for this run",
            )
        )
    data = loaded.recipe.data
    if isinstance(data, Folder) and data.resize < max(spec.input[1:]):
        found.append(
            error(
                "E703",
                f"test images of {data.resize} pixels are smaller than the "
                f"{_shape(spec.input)} that `{name}` takes",
                loaded.span(("data", "resize")),
                help="the paper has 256 for an input of 224",
            )
        )
    channels = len(data.mean)
    if shape == spec.input and channels != shape[0]:
        found.append(
            error(
                "E703",
                f"`mean` has {channels} channels, but the images have {shape[0]}",
                loaded.span(("data", "mean")),
            )
        )
    if found:
        raise CompileError(*found)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _shape_help(shape: tuple[int, int, int], wanted: tuple[int, ...]) -> str | None:
    if shape[0] == 1 and wanted[0] != 1:
        return '`grey = "repeat"` under `[data]` fills every channel'
    missing = wanted[1] - shape[1]
    if missing > 0 and missing % 2 == 0 and wanted[2] - shape[2] == missing:
        return f"{missing // 2} more pixels of `pad` under `[data]` make the sizes equal"
    return None
