"""Numbers in the arguments of a traced call: what they come to at one size, for any batch."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, Final

from torch import fx

from archcompiler.backends.torch.reading import is_node
from archcompiler.backends.torch.running import VALUE
from archcompiler.backends.torch.stored import stored

_ARITHMETIC: Final = frozenset(
    {
        *(operator.add, operator.sub, operator.mul, operator.neg),
        *(operator.floordiv, operator.truediv, operator.mod, operator.pow),
        *(operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne),
    }
)
_FUNCTIONS: Final = frozenset(f for f in vars(math).values() if callable(f))
_SAME: Final = frozenset({operator.eq, operator.ne})
_RANKS: Final = ("dim", "ndimension")


def shape(node: Any) -> tuple[int, ...]:
    """The shape of a tensor in a trace of one image; empty for what is none."""
    found = getattr(node.meta.get("tensor_meta"), "shape", ()) if is_node(node) else ()
    return tuple(found)


def sized(node: Any) -> fx.Node | None:
    """The tensor whose whole shape this is."""
    if not is_node(node):
        return None
    if node.target is getattr and node.args[1:] == ("shape",):
        return _tensor(node)
    if node.target == "size" and len(node.args) == 1 and not node.kwargs:
        return _tensor(node)
    return None


def _tensor(node: fx.Node) -> fx.Node:
    tensor = node.args[0]
    assert isinstance(tensor, fx.Node)
    return tensor


def _sides(node: Any) -> tuple[fx.Node, Sequence[int]] | None:
    """The tensor and its dimensions whose sizes these are."""
    if not is_node(node):
        return None
    if (tensor := sized(node)) is not None:
        return tensor, range(len(shape(tensor)))
    if node.target is operator.getitem and isinstance(node.args[1], slice):
        whole, part = _sides(node.args[0]), node.args[1]
        if whole is not None and all(isinstance(end, int | None) for end in _ends(part)):
            return whole[0], whole[1][part]
    return None


def sides(node: Any) -> tuple[int, ...] | None:
    """Sides of a map, several at once; None for anything else."""
    found = _sides(node)
    if found is None or 0 in found[1] or not has_images(found[0]):
        return None
    return tuple(shape(found[0])[dim] for dim in found[1])


def _ends(part: slice[Any, Any, Any]) -> tuple[Any, Any, Any]:
    return part.start, part.stop, part.step


def _side(node: fx.Node) -> tuple[fx.Node, int] | None:
    """The tensor and the dimension whose size this is."""
    found, place = None, None
    if node.target is operator.getitem:
        found, place = _sides(node.args[0]), node.args[1]
    elif node.target == "size" and len([*node.args, *node.kwargs]) == 2:
        tensor, place = _tensor(node), node.args[1] if len(node.args) > 1 else node.kwargs["dim"]
        found = tensor, range(len(shape(tensor)))
    if found is None or not isinstance(place, int) or not found[1]:
        return None
    return found[0], found[1][place]


def is_batch(value: Any) -> bool:
    """Whether a number is that of the images, whatever that is."""
    side = _side(value) if is_node(value) else None
    return side is not None and side[1] == 0 and has_images(side[0])


def has_images(tensor: fx.Node) -> bool:
    """Whether a tensor has the images along its first dimension."""
    return stored(tensor) is None and shape(tensor)[:1] == (1,)


def number(value: Any) -> int | None:
    """A whole number that is the same for any batch; None for anything else."""
    if is_node(value):
        value = value.meta.get(VALUE) if is_fixed(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def scalar(value: Any) -> Any:
    """A number that a node is for any batch, or what it is else."""
    return value.meta.get(VALUE, value) if is_node(value) and is_fixed(value) else value


def is_fixed(value: Any) -> bool:
    """Whether a number, or the answer to a comparison of sizes, is the same for any batch."""
    if not is_node(value):
        return isinstance(value, int | float)
    if value.target in _RANKS or (value.target is getattr and value.args[1] == "ndim"):
        return bool(shape(value.args[0]))
    if value.target in _SAME and (ends := [_sides(x) for x in value.args]) and None not in ends:
        return _alike(*ends)
    if value.target in _ARITHMETIC or value.target in _FUNCTIONS:
        return not value.kwargs and all(map(is_fixed, value.args))
    side = _side(value)
    if side is None:
        return False
    return stored(side[0]) is not None or (side[1] != 0 and has_images(side[0]))


def _alike(a: Any, b: Any) -> bool:
    """Whether two shapes, or the same part of them, have the images in the same place."""
    (x, own), (y, others) = a, b
    places = [[i for i, dim in enumerate(dims) if dim == 0] for dims in (own, others)]
    return has_images(x) and has_images(y) and places[0] == places[1]


def images(node: fx.Node, sizes: Sequence[Any]) -> tuple[int, ...] | None:
    """What a view to these sizes makes of each image, for any batch.

    None if it does not keep the images apart.
    """
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = sizes[0]
    if not sizes or shape(node)[:1] != (1,):
        return None
    like = sized(sizes[0]) if len(sizes) == 1 else None
    if like is not None:
        return shape(node)[1:] if has_images(like) else None
    first, *others = sizes
    apart = is_batch(first) or number(first) == -1
    return shape(node)[1:] if apart and all(number(x) is not None for x in others) else None
