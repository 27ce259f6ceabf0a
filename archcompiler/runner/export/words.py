"""What the settings of a recipe are called in a model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from archcompiler.config.base import Model
from archcompiler.runner.recipe.augment import Augment
from archcompiler.runner.recipe.model import Data, Folder

_SETTLED: Final = frozenset({"type", "scaling"})
"""Keys that say nothing more of a recipe that is settled, or are said before the others."""


def setting_words(part: Model) -> str:
    """The settings of a part of a recipe that are not off."""
    values: Mapping[str, Any] = part.model_dump(mode="json", exclude_none=True)
    said = [str(values["type"])] if "type" in values else []
    for name, value in values.items():
        if name in _SETTLED or value is False or value == 0:
            continue
        shown = name.replace("_", " ")
        said.append(shown if value is True else f"{shown} {_value(value)}")
    return ", ".join(said)


def augmentation_words(how: Augment, data: Data) -> str:
    """What is done to training images, by the names that the field has for it."""
    return ", ".join(_augmentation(how, data)) or "none"


def _augmentation(how: Augment, data: Data) -> Iterator[str]:
    if isinstance(data, Folder):
        low, high = data.scale
        yield f"random crops of {low * 100:g} to {high * 100:g} % of an image"
    if how.flip:
        yield "flip"
    if how.crop_padding:
        yield f"random crops after {how.crop_padding} pixels of padding"
    if how.randaugment.layers:
        yield f"RandAugment {how.randaugment.layers} × magnitude {how.randaugment.magnitude}"
    if how.colour.active:
        jitter = how.colour
        yield (
            f"colour jitter {jitter.brightness:g}/{jitter.contrast:g}/{jitter.saturation:g} "
            "(brightness/contrast/saturation)"
        )
    if how.lighting:
        yield f"lighting noise {how.lighting:g}"
    if how.cutout:
        yield f"cutout {how.cutout}×{how.cutout}"
    if how.erase:
        yield f"random erasing {how.erase:g}"
    if how.mixup:
        yield f"mixup {how.mixup:g}"
    if how.cutmix:
        yield f"CutMix {how.cutmix:g}"
    if how.label_noise:
        yield f"label noise {how.label_noise:g}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
