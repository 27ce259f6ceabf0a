"""Numbers that an operator has for each axis of a map: kernels, strides, paddings."""

from __future__ import annotations

from typing import Any, TypeAlias

Sides: TypeAlias = int | tuple[int, ...]
"""One number where all axes agree, else one for each axis."""


class ArgumentError(Exception):
    """An operator cannot have an argument of this value, whatever its inputs are."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"`{argument}` {message}")
        self.argument = argument
        self.message = message


def along(sides: Sides, axis: int) -> int:
    """The number for one axis."""
    return sides if isinstance(sides, int) else sides[axis]


def spread(sides: Sides, dims: int) -> tuple[int, ...]:
    """One number for each of `dims` axes."""
    return (sides,) * dims if isinstance(sides, int) else sides


def words(sides: Sides, dims: int = 1) -> str:
    """`3×3`, `1×7`; one number for all axes is said once for each of `dims`."""
    return "×".join(map(str, spread(sides, dims)))


def merged(argument: str, value: Any, dims: int) -> Any:
    """What a step says for `argument`, as operators keep it; a symbol stays what it is.

    Raises ArgumentError for a list that has not one number for each axis.
    """
    if not isinstance(value, list | tuple):
        return value
    if len(value) != dims:
        axes = "1 axis" if dims == 1 else f"{dims} axes"
        raise ArgumentError(argument, f"has {len(value)} numbers for {axes}")
    first = value[0]
    return first if all(_same(first, other) for other in value[1:]) else tuple(value)


def _same(a: Any, b: Any) -> bool:
    """Equal numbers, or one symbol twice: symbols are not compared."""
    return a is b or (isinstance(a, int) and isinstance(b, int) and a == b)


def same_padding(kernel: Any, dilation: Any, dims: int) -> Any:
    """Padding that keeps the size of a map at stride 1, for odd kernels.

    Numbers may be symbols; `dilation * (kernel - 1) // 2` on every axis.
    """
    if not isinstance(kernel, tuple) and not isinstance(dilation, tuple):
        return _half(kernel, dilation)
    kernels = kernel if isinstance(kernel, tuple) else (kernel,) * dims
    dilations = dilation if isinstance(dilation, tuple) else (dilation,) * dims
    pairs = zip(kernels, dilations, strict=True)
    return merged("padding", [_half(k, d) for k, d in pairs], dims)


def _half(kernel: Any, dilation: Any) -> Any:
    if isinstance(dilation, int):
        reach = kernel - 1 if dilation == 1 else dilation * (kernel - 1)
        return reach // 2
    if isinstance(kernel, int) and kernel % 2:
        half = kernel // 2
        return half and (dilation if half == 1 else dilation * half)
    return dilation * (kernel - 1) // 2
