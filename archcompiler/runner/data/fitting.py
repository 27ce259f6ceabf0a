"""Whether the data of a recipe go together with a spec, and with the recipe itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archcompiler.diagnostics import CompileError, Diagnostic, error, warning
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Folder, Small
from archcompiler.spec.model import Spec

if TYPE_CHECKING:
    from archcompiler.runner.data.images import Images


def image_of(loaded: LoadedRecipe, spec: Spec) -> tuple[int, int, int]:
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


def require_inside(loaded: LoadedRecipe, spec: Spec) -> None:
    """Raise CompileError E703 if the padding of images takes all of a network's input."""
    data, (_, height, width) = loaded.recipe.data, image_of(loaded, spec)
    if isinstance(data, Small) and 2 * data.pad >= min(height, width):
        raise CompileError(
            error(
                "E703",
                f"`pad` of {data.pad} pixels on each side leaves no image in the {height}×{width} "
                f"that `{spec.name}` takes",
                loaded.span(("data", "pad")),
            )
        )


def require_one_output(loaded: LoadedRecipe, spec: Spec) -> None:
    """Raise CompileError E703 for a head of several outputs: the loss takes all logits for one."""
    outputs = spec.head.outputs or {}
    if len(outputs) > 1:
        raise CompileError(
            error(
                "E703",
                f"`{spec.name}` has {len(outputs)} outputs, but every image has one label",
                loaded.span(("data",), "key"),
                notes=("what `archcompiler build` writes can be trained on several elsewhere",),
            )
        )


def require_usual_fit(loaded: LoadedRecipe, spec: Spec) -> None:
    """Raise CompileError E703 unless images of a data set that is always the same fit.

    A folder stands for whatever a network is given, also by a trainer of one's own: its images are
    brought to the network's size.
    """
    data = loaded.recipe.data
    if isinstance(data, Small):
        image_of(loaded, spec)
        require_one_output(loaded, spec)
        require_fit(loaded, spec, _padded(data, data.shape, spec), data.classes)


def require_small_fit(loaded: LoadedRecipe, spec: Spec, data: Small, images: Images) -> None:
    channels, height, width = images.pixels.shape[1:]
    shape = _padded(data, (channels, height, width), spec)
    require_fit(loaded, spec, shape, len(images.classes))


def _padded(data: Small, shape: tuple[int, int, int], spec: Spec) -> tuple[int, int, int]:
    """An image of this shape as the network is given it."""
    channels, height, width = shape
    if channels == 1 and data.grey == "repeat":
        channels = spec.input[0]
    return channels, height + 2 * data.pad, width + 2 * data.pad


def require_fit(
    loaded: LoadedRecipe, spec: Spec, shape: tuple[int, int, int], classes: int
) -> None:
    """Raise CompileError E703 unless images of so many classes fit."""
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
    if classes != spec.classes:
        found.append(
            error(
                "E703",
                f"`{name}` has {spec.classes} classes, but `{kind}` has {classes}",
                loaded.span(("data",), "key"),
                help=f"`--set classes={classes}` changes the spec for this run",
            )
        )
    data = loaded.recipe.data
    if isinstance(data, Folder) and data.resize and data.resize < max(spec.input[1:]):
        found.append(
            error(
                "E703",
                f"test images of {data.resize} pixels are smaller than the "
                f"{_shape(spec.input)} that `{name}` takes",
                loaded.span(("data", "resize")),
                help="without `resize` it follows the input",
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
    if shape == spec.input and shape[0] != 3:
        found += _colours(loaded, shape[0])
    if found:
        raise CompileError(*found)


def _colours(loaded: LoadedRecipe, channels: int) -> Iterator[Diagnostic]:
    """What of the recipe is about colours, which these images have not."""
    how = loaded.recipe.augment
    for key, used in (("colour", how.colour.active), ("lighting", how.lighting > 0)):
        if used:
            yield error(
                "E703",
                f"`{key}` changes red, green and blue, but the images have "
                f"{'1 channel' if channels == 1 else f'{channels} channels'}",
                loaded.span(("augment", key)),
            )


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _shape_help(shape: tuple[int, int, int], wanted: tuple[int, ...]) -> str | None:
    if shape[0] == 1 and wanted[0] != 1:
        return '`grey = "repeat"` under `[data]` fills every channel'
    missing = wanted[1] - shape[1]
    if missing > 0 and missing % 2 == 0 and wanted[2] - shape[2] == missing:
        return f"{missing // 2} more pixels of `pad` under `[data]` make the sizes equal"
    return None


def small_crop(
    loaded: LoadedRecipe, cover: tuple[int, int], crop: tuple[int, int]
) -> Iterator[Diagnostic]:
    """W731 if an evaluation sees less than half of what is in an image; both are (H, W)."""
    (rows, columns), (height, width) = cover, crop
    share = height * width / (rows * columns)
    if share < 0.5:
        yield warning(
            "W731",
            f"the test crop of {height}×{width} pixels shows {share:.1%} of an image that is "
            f"resized to {rows}×{columns}",
            loaded.span(("data", "resize")),
            help="without `resize` it follows the input",
        )


def single_class(loaded: LoadedRecipe, classes: tuple[str, ...]) -> Iterator[Diagnostic]:
    """W734 if every answer is right."""
    if len(classes) == 1:
        yield warning(
            "W734",
            f"`{classes[0]}` is the only class: it can be told from nothing, and every answer is "
            "right",
            loaded.span(("data",), "key"),
            help="put images of something else into a folder beside it",
        )


def large_batch(loaded: LoadedRecipe, size: int, count: int) -> Iterator[Diagnostic]:
    """W732 if a batch has an image more than once."""
    if size > count:
        yield warning(
            "W732",
            f"a batch of {size:,} images takes each of {count:,} about {size / count:.1f} times",
            loaded.span(("batch_size",)),
            help=f"`--set batch_size={count}` or less",
        )
