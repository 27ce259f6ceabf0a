"""How an image file becomes what a network takes, in numbers that any program can follow."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from archcompiler.runner.data.fitting import image_of
from archcompiler.runner.data.views import Size, is_grey, view_of
from archcompiler.runner.recipe.model import Folder, Small
from archcompiler.runner.store.trained import Trained


@dataclass(frozen=True)
class Preprocessing:
    """The steps in their order, as `predict` does them in one crop."""

    exif_orientation: bool
    """Whether an image is turned upright first."""
    resize: Size
    """(H, W) that it is resized to cover, its shape kept."""
    crop: Size
    """(H, W) in the middle of that."""
    grey: bool
    """Whether the mean of the colours, rounded, then takes their place in every channel."""
    pad: int
    """Black pixels on every side after that."""
    input: tuple[int, int, int]
    """(C, H, W) that result."""
    mean: tuple[float, ...]
    """Of each channel, of pixels from 0 to 1; subtracted."""
    std: tuple[float, ...]
    """What each channel is divided by then."""
    classes: tuple[str, ...]
    """Names, by the number of the logit."""

    @classmethod
    def of(cls, trained: Trained) -> Preprocessing:
        """Raises CompileError E703 for a network whose input is no image."""
        data, spec = trained.loaded.recipe.data, trained.compiled.spec
        channels, height, width = image_of(trained.loaded, spec)
        view = view_of(data, (height, width), (height, width), crops=1)
        return cls(
            exif_orientation=data.exif_orientation if isinstance(data, Folder) else True,
            resize=view.cover,
            crop=view.crop,
            grey=is_grey(data),
            pad=data.pad if isinstance(data, Small) else 0,
            input=(channels, height, width),
            mean=_each(data.mean, channels),
            std=_each(data.std, channels),
            classes=trained.classes or tuple(map(str, range(spec.classes))),
        )

    def json(self) -> str:
        """With what is the same for every network: the order of pixels, their range, the filter."""
        steps = asdict(self)
        del steps["grey"]
        fixed = {
            "layout": "NCHW",
            "channels": "grey" if self.grey else "RGB",
            "background": "white",
            "interpolation": "bilinear",
            "antialias": True,
            "rescale": 1 / 255,
        }
        values = (fixed | steps).items()
        lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in values)
        return f"{{\n{lines}\n}}\n"


def _each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values
