"""The fourteen operations of RandAugment, and how strong each is at a magnitude.

Operations and their order are those of Cubuk et al. (2020), section 3; the strengths are
torchvision's, on a scale of 30 on which each grows with the magnitude. (The paper's own code has a
scale of 10, on which factors of enhancement go from 0.1 to 1.9, so that the middle does nothing.)
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from archcompiler.runner.data.enhancing import Towards

MOST: Final = 30
_TURN, _SHEAR, _SHIFT, _ENHANCE, _BITS = 30.0, 0.3, (150, 331), 0.9, 4
"""At the greatest magnitude: degrees, pixels a pixel, pixels of a side of so many, part of a
factor, bits that are left out."""

Matrix = tuple[float, float, float, float, float, float]
"""Where a pixel comes from: x' = ax + by + c, y' = dx + ey + f, as in `PIL.Image.transform`."""


class Operation(NamedTuple):
    """What is done to an image, all of which the defaults leave as it is."""

    name: str
    stretched: bool = False
    """Autocontrast: each channel from 0 to 255."""
    equalized: bool = False
    """Each channel with as even a histogram as it can have."""
    threshold: int = 256
    """Levels from here on are inverted."""
    bits: int = 8
    """Of a level that are kept."""
    towards: Towards = Towards.BLACK
    factor: float = 1.0
    """See `enhancing`."""
    matrix: Matrix = (1, 0, 0, 0, 1, 0)


def operations(magnitude: int, height: int, width: int) -> tuple[Operation, ...]:
    """The fourteen twice, with either sign, of which not all make use."""
    return tuple(
        operation for sign in (1, -1) for operation in _operations(magnitude, sign, height, width)
    )


def _operations(magnitude: int, sign: int, height: int, width: int) -> tuple[Operation, ...]:
    part, (pixels, side) = sign * magnitude / MOST, _SHIFT
    factor, shear = 1 + _ENHANCE * part, _SHEAR * part
    x, y = (sign * (pixels * own * magnitude // (side * MOST)) for own in (width, height))
    return (
        Operation("identity"),
        Operation("autocontrast", stretched=True),
        Operation("equalize", equalized=True),
        Operation("rotate", matrix=_rotation(_TURN * part, height, width)),
        Operation("solarize", threshold=-(255 * (magnitude - MOST) // MOST)),
        Operation("color", towards=Towards.GREY, factor=factor),
        Operation("posterize", bits=8 - round(_BITS * magnitude / MOST)),
        Operation("contrast", towards=Towards.MEAN, factor=factor),
        Operation("brightness", towards=Towards.BLACK, factor=factor),
        Operation("sharpness", towards=Towards.SMOOTH, factor=factor),
        Operation("shear_x", matrix=(1, shear, 0, 0, 1, 0)),
        Operation("shear_y", matrix=(1, 0, 0, shear, 1, 0)),
        Operation("translate_x", matrix=(1, 0, x, 0, 1, 0)),
        Operation("translate_y", matrix=(1, 0, 0, 0, 1, y)),
    )


def _rotation(degrees: float, height: int, width: int) -> Matrix:
    """Around the middle of the image, against the clock."""
    angle = -math.radians(degrees)
    cos, sin, x, y = math.cos(angle), math.sin(angle), width / 2, height / 2
    return (cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y)
