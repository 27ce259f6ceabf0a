"""Products and quotients by numbers and parameters, powers, sums with 0 or 1, adaptive pools."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from math import prod
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import fx, nn

from archcompiler.backends.reading import PART, UnknownOperation, sides
from archcompiler.backends.torch.idioms.calls import POWERS, PRODUCTS, QUOTIENTS, SQUARES, SUMS
from archcompiler.backends.torch.idioms.numbers import number, shape
from archcompiler.backends.torch.reading import Reading, Seen, is_node, one_more, two_maps
from archcompiler.backends.torch.record import Reader
from archcompiler.backends.torch.stored import NO_PARAMETERS, TENSORS, Stored, constant
from archcompiler.ops.arithmetic import Sqrt
from archcompiler.ops.axes import axes, dimension
from archcompiler.ops.channelwise import Affine, Gain, LayerScale, Scale
from archcompiler.ops.join import Gate, Mul
from archcompiler.ops.reduce import How, Reduce
from archcompiler.ops.whole_pool import AdaptiveAvgPool, AdaptiveMaxPool, AdaptivePool

_NEGATIVES: Final[tuple[object, ...]] = (operator.neg, torch.neg, "neg")
_SHAPED: Final[tuple[object, ...]] = (
    "view",
    "reshape",
    torch.reshape,
    "unsqueeze",
    torch.unsqueeze,
    operator.getitem,
)


def _start(factor: fx.Node, name: str) -> float:
    """What a parameter is, where it is one number, as it is before training."""
    graph = factor.graph.owning_module
    assert graph is not None
    found = constant(_tensor(graph, name))
    kind = LayerScale if len(shape(factor)) and max(shape(factor)) > 1 else Gain
    return kind.arguments["init"].default if found is None else found


def learnt(node: Any) -> str | None:
    """The name of a parameter, if a node is its numbers in a row, whatever axes of 1 there are."""
    row = [side for side in shape(node) if side != 1]
    while is_node(node) and node.op != "get_attr":
        source = node.args[0] if node.target in _SHAPED and node.args else None
        if not is_node(source) or [side for side in shape(source) if side != 1] != row:
            return None
        node = source
    if not is_node(node) or node.graph.owning_module is None or len(row) > 1:
        return None
    module = node.graph.owning_module
    kind = torch.Tensor if module.meta.get(NO_PARAMETERS) else nn.Parameter
    return str(node.target) if isinstance(_tensor(module, str(node.target)), kind) else None


def _tensor(module: nn.Module, name: str) -> Any:
    owner, _, own = name.rpartition(".")
    return getattr(module.get_submodule(owner), own, None)


def layer_scale(seen: Seen, x: Any, y: Any) -> Reading | None:
    """A map times a parameter, which has a number for each channel, or one for all."""
    if is_node(x) and (name := learnt(x)) is not None:
        factor, data = x, y
    elif is_node(y) and (name := learnt(y)) is not None:
        factor, data = y, x
    else:
        return None
    if not is_node(data):
        return None
    whole = shape(data)
    if prod(shape(factor)) == 1 and len(shape(factor)) <= len(whole):
        seen.node.meta[TENSORS] = {"weight": Stored(name, shape=(1,))}
        return Gain(_start(factor, name)), [data]
    spread = (*(1,) * (len(whole) - len(shape(factor))), *shape(factor))
    if len(whole) != seen.dims + 2 or spread != (1, whole[1], *(1,) * seen.dims):
        what = f"`{name}`, which is no number for each channel"
        raise UnknownOperation(f"`{seen.node.name}` multiplies by {what}")
    channels = whole[1]
    seen.node.meta[TENSORS] = {"weight": Stored(name, shape=(channels, *(1,) * seen.dims))}
    return LayerScale(channels, _start(factor, name)), [data]


def affine(seen: Seen, bias: Any, x: Any, y: Any, *, value: float = 1) -> Reading | None:
    """`torch.addcmul` of a parameter, with a number for each channel, and a map times another."""
    shift = learnt(bias)
    if shift is None or value != 1:
        return None
    scaled = layer_scale(seen, x, y)
    if not isinstance(scaled, tuple) or not isinstance(scaled[0], LayerScale):
        return None
    factors = seen.node.meta[TENSORS]["weight"]
    if prod(shape(bias)) != scaled[0].channels or shape(bias)[-seen.dims :] != (1,) * seen.dims:
        raise UnknownOperation(f"`{seen.node.name}` adds `{shift}`, no number for each channel")
    seen.node.meta[TENSORS] = {"weight": factors, "bias": factors._replace(name=shift)}
    return Affine(scaled[0].channels, scaled[0].init), scaled[1]


def gate(seen: Seen, x: Any, y: Any) -> Reading | None:
    """`(M + 1) * T`; base readers take it for a map by itself."""
    for trunk, factor in ((x, y), (y, x)):
        if two_maps(x, y) and (mask := one_more(factor, shifted=True)) is not None:
            return Gate("residual"), [trunk, mask]
    return None


def more(seen: Seen, x: Any, y: Any) -> Reading | None:
    """Half of such a gate."""
    return PART if one_more(seen.node, shifted=True) is not None else None


def quotient(seen: Seen, x: Any, y: Any) -> Reading | None:
    """A map by a number that is the same for any batch."""
    by = y if isinstance(y, float) else number(y)
    return (Scale(1 / by), [x]) if is_node(x) and shape(x) and by else None


def power(seen: Seen, x: Any, exponent: Any) -> Reading | None:
    """`x ** 2`, a product with itself, and a root."""
    if not is_node(x) or exponent not in (2, 0.5):
        return None
    return (Mul(), [x, x]) if exponent == 2 else (Sqrt(), [x])


def square(seen: Seen, x: fx.Node) -> Reading:
    return Mul(), [x, x]


def row(seen: Seen, x: Any, *rest: Any) -> Reading | None:
    """A parameter, about to be a factor."""
    return PART if learnt(seen.node) is not None else None


def negative(seen: Seen, x: fx.Node) -> Reading:
    """`-x`."""
    return Scale(-1), [x]


def from_zero(seen: Seen, x: Any, y: Any) -> Reading | None:
    """The first sum of Python's `sum`."""
    for start, data in ((x, y), (y, x)):
        if is_node(data) and isinstance(start, int | float) and start == 0:
            return data
    return None


def _adaptive(how: How, pool: type[AdaptivePool]) -> Callable[..., Reading | None]:
    """Pooling to the size that there is, but for one axis."""

    def read(
        seen: Seen, input: fx.Node, output_size: Any, return_indices: bool = False
    ) -> Reading | None:
        sizes = output_size if isinstance(output_size, tuple | list) else (output_size,) * seen.dims
        if all(isinstance(size, int) for size in sizes) or len(sizes) != seen.dims:
            return None
        if return_indices:
            raise UnknownOperation(f"`{seen.node.name}` gives the indices of maxima")
        before = shape(input)[2:]
        if len(before) != seen.dims:
            return None
        wanted = []
        for side, size in zip(before, sizes, strict=True):
            found = side if size is None else number(size)
            if found is None:
                raise UnknownOperation(f"`{seen.node.name}` pools to a size that is calculated")
            wanted.append(found)
        changed = [i for i, (a, b) in enumerate(zip(before, wanted, strict=True)) if a != b]
        if not changed:
            return input
        if len(changed) == 1 and wanted[changed[0]] == 1 and seen.dims > 1:
            (axis,) = (a for a in axes(seen.dims) if dimension(a, seen.dims) == changed[0] + 2)
            return Reduce(how, axis), [input]
        return pool(sides(wanted, seen.dims)), [input]

    return read


def _pool_module(how: How, pool: type[AdaptivePool]) -> Callable[..., Reading | None]:
    read = _adaptive(how, pool)

    def read_module(seen: Seen, module: Any, x: fx.Node) -> Reading | None:
        return read(seen, x, module.output_size, getattr(module, "return_indices", False))

    return read_module


def readers() -> Iterable[Reader]:
    for target in (*PRODUCTS, "mul_"):
        yield Reader(target, layer_scale)
        yield Reader(target, gate)
    for target in QUOTIENTS:
        yield Reader(target, quotient)
    for target in POWERS:
        yield Reader(target, power)
    for target in SQUARES:
        yield Reader(target, square)
    yield Reader(torch.addcmul, affine)
    for target in _SHAPED:
        yield Reader(target, row)
    for target in _NEGATIVES:
        yield Reader(target, negative)
    for target in SUMS:
        yield Reader(target, from_zero)
        yield Reader(target, more)
    pools: tuple[tuple[str, How, type[AdaptivePool]], ...] = (
        ("avg", "mean", AdaptiveAvgPool),
        ("max", "max", AdaptiveMaxPool),
    )
    for word, how, pool in pools:
        for dims in (1, 2, 3):
            name = f"adaptive_{word}_pool{dims}d"
            yield Reader(getattr(F, name), _adaptive(how, pool))
            if hasattr(torch, name) and getattr(torch, name) is not getattr(F, name):
                yield Reader(getattr(torch, name), _adaptive(how, pool))
            yield Reader(getattr(nn, f"Adaptive{word.title()}Pool{dims}d"), _pool_module(how, pool))
