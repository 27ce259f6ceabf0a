"""Texts of JAX: axes, channels last, sides, and calls of constructors."""

from __future__ import annotations

from typing import Any

from archcompiler.backends.python import called, text
from archcompiler.ops import axes


def position(axis: str, dims: int) -> int:
    """Which axis of a (N, *size, C) array an axis of a map is; channels are -1."""
    return -1 if axis == "channels" else axes.dimension(axis, dims) - 1


def positions(dims: int) -> tuple[int, ...]:
    """The axes of a map's positions."""
    return tuple(range(1, dims + 1))


def spread(sides: Any, dims: int) -> str:
    """Source of a tuple with a number for each axis; sides may be symbols."""
    return text(sides if isinstance(sides, tuple) else (sides,) * dims)


def made(function: str, *arguments: str, **options: tuple[Any, Any]) -> str:
    """A call that makes a module, with the random numbers that it starts from."""
    return f"{called(function, *arguments, **options)[:-1]}, rngs=rngs)"
