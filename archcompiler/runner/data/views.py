"""How images come before a network in an evaluation: whole or in crops, at any size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from archcompiler.runner.data.crops import Crops, padded, resized, single_crop, ten_crop
from archcompiler.runner.recipe.model import Folder, Pixels, Small

_MARGIN = 0.875
"""Share of a side that a test crop keeps by default: 224 of 256 pixels, as the paper has it."""

Size = tuple[int, int]
"""(H, W)"""


@dataclass(frozen=True)
class View:
    """From a file to what the network is given, in two steps."""

    cover: Size
    """What an image file is resized to cover; if square, the length of its shorter side."""
    crop: Size
    """The middle of it that is kept."""
    crops: Crops = single_crop
    """What is made of that, or of an image that a small data set has as it is."""


def usual_view(data: Folder, size: Size, scale: float = 1.0) -> View:
    """The recipe's view of photographs for an input of `size`, `scale` times what it is for."""
    if data.resize is None:
        height, width = (round(side / _MARGIN) for side in size)
        return View((height, width), size)
    side = round(data.resize * scale)
    return View((side, side), size)


def view_of(data: Pixels, usual: Size, size: Size, crops: int) -> View:
    """One crop or ten of `size` of a network that takes the `usual` one."""
    height, width = size
    views: Crops = ten_crop(size) if crops == 10 else single_crop
    if isinstance(data, Folder):
        # The margin around the crop grows with it; ten crops need all of it.
        view = usual_view(data, size, max(height / usual[0], width / usual[1]))
        return View(view.cover, view.cover if crops == 10 else view.crop, views)
    if crops == 10:
        views = padded(views, (max(height // 8, 1), max(width // 8, 1)))
    own = data.pad if isinstance(data, Small) else 0
    inner = usual[0] - 2 * own, usual[1] - 2 * own
    return View(inner, inner, resized(views, size))


def is_grey(data: Pixels) -> bool:
    """Whether the images of a data set are, also where they fill every channel of a network."""
    return isinstance(data, Small) and data.shape[0] == 1


def of_files(view: View, data: Pixels, channels: int) -> View:
    """The view of files in colour, for a network of so many channels: as the data set would have
    them, with its margin, and grey if it is.
    """
    pad = data.pad if isinstance(data, Small) else 0

    def crops(images: Tensor) -> Tensor:
        if is_grey(data):
            mean = images.float().mean(1, keepdim=True).round().byte()
            images = mean.expand(-1, channels, -1, -1)
        return view.crops(F.pad(images, (pad, pad, pad, pad)))

    return replace(view, crops=crops)
