"""Axes of maps by name."""

from __future__ import annotations

from typing import Literal

from archcompiler.ops.sides import ArgumentError

Spatial = Literal["depth", "height", "width"]
Axis = Literal["channels", "depth", "height", "width"]
SPATIAL: tuple[Spatial, ...] = ("depth", "height", "width")


def dimension(axis: str, dims: int) -> int:
    """The dimension of a (N, C, *size) tensor that an axis is; the width is the last.

    Raises ArgumentError for an axis that maps of these dimensions lack.
    """
    if axis == "channels":
        return 1
    back = 3 - ("depth", "height", "width").index(axis)
    if back > dims:
        raise ArgumentError("axis", f"is `{axis}`, which a {dims}-D map does not have")
    return dims + 2 - back


def axes(dims: int) -> tuple[Axis, ...]:
    """The names of the axes of a map, channels first."""
    return ("channels", *SPATIAL[-dims:])
