"""What readers of a traced module are given, and share. Imports torch."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

import torch
from torch import fx, nn

from archcompiler.backends.reading import Part, UnknownOperation
from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator

Reading: TypeAlias = tuple[Operator, list[fx.Node]] | fx.Node | Part
"""An operator and its inputs in order; a node that hands on another; or a part of an operator."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One call of a traced module, and what is known of the tensors around."""

    node: fx.Node
    dims: int

    def type_of(self, node: fx.Node) -> TensorType:
        """Shape of one image's map; a flat vector counts as a map of one pixel."""
        return map_type(node, self.dims)

    def is_flat(self, node: fx.Node) -> bool:
        """Whether a tensor is (N, C)."""
        return len(node.meta["tensor_meta"].shape) == 2

    @property
    def axes(self) -> tuple[int, ...]:
        """The dimensions of a tensor that are axes of its map."""
        return tuple(range(2, self.dims + 2))


def map_type(node: fx.Node, dims: int) -> TensorType:
    """Shape of one image's map, of which `dims` are axes. Raises UnknownOperation."""
    shape = tuple(getattr(node.meta.get("tensor_meta"), "shape", ()))
    if len(shape) == dims + 2:
        return TensorType(*shape[1:])
    if len(shape) == 2:
        return TensorType(shape[1], *(1,) * dims)
    raise UnknownOperation(f"`{node.name}` is no map: its shape is {shape}")


def arguments(
    node: fx.Node, defaults: Mapping[str, inspect.Parameter] | None = None
) -> dict[str, Any]:
    """Keyword arguments, without those that torch itself spells out at their defaults."""
    if defaults is None:
        try:
            defaults = inspect.signature(node.target).parameters  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return dict(node.kwargs)
    return {
        name: value
        for name, value in node.kwargs.items()
        if name not in defaults or defaults[name].default is not value
    }


def is_size(node: Any) -> bool:
    """`x.shape` and slices of it: no operators, but the targets of interpolations."""
    if not isinstance(node, fx.Node):
        return False
    if node.op == "call_function" and node.target is getattr:
        return bool(node.args[1] == "shape")
    if node.op == "call_function" and node.target in (operator.getitem, operator.neg):
        return is_size(node.args[0])
    return node.op == "call_method" and node.target == "size"


def sized_after(size: Any, dims: int) -> fx.Node:
    """The tensor whose size an interpolation aims at."""
    slices = []
    while isinstance(size, fx.Node) and size.target is operator.getitem:
        slices.append(size.args[1])
        size = size.args[0]
    known = slices in ([slice(-dims, None, None)], [slice(2, None, None)])
    if not (is_size(size) and known):
        raise UnknownOperation("interpolates to a size that is not another map's")
    tensor = size.args[0]
    assert isinstance(tensor, fx.Node)
    return tensor


def one_input(op: Operator) -> Callable[..., Reading]:
    """Reads a function or a method with one input and, perhaps, an `inplace`."""

    def read(seen: Seen, x: fx.Node, inplace: bool = False) -> Reading:
        if not isinstance(inplace, bool):
            raise TypeError(f"an option of {inplace}")
        return op, [x]

    return read


def one_input_module(op: Operator) -> Callable[..., Reading]:
    """Reads a module with one input whose options, but for `inplace`, are torch's defaults."""

    def read(seen: Seen, module: nn.Module, x: fx.Node) -> Reading:
        if _options(module) != _options(type(module)()):
            raise UnknownOperation(f"`{seen.node.target}` is a {module}")
        return op, [x]

    return read


def _options(module: nn.Module) -> dict[str, Any]:
    skipped = ("training", "inplace")
    return {k: v for k, v in vars(module).items() if k[0] != "_" and k not in skipped}


def is_node(x: Any) -> TypeGuard[fx.Node]:
    """Whether an argument comes of the trace, and is no constant."""
    return isinstance(x, fx.Node)


_PRODUCTS: Final = (operator.mul, operator.imul, torch.mul, "mul", "mul_")


def one_more(node: fx.Node, *, shifted: bool = False) -> fx.Node | None:
    """M, if a node is 1 + M, or M + 1 where what is `shifted` counts, for products alone."""
    if node.target not in (operator.add, torch.add, "add") or len(node.args) != 2 or node.kwargs:
        return None
    if not all(user.target in _PRODUCTS and all(map(is_node, user.args)) for user in node.users):
        return None
    one, mask = node.args if is_node(node.args[1]) or not shifted else node.args[::-1]
    return mask if is_node(mask) and not is_node(one) and one == 1 else None


def two_maps(x: Any, y: Any) -> bool:
    """Whether both arguments come of the trace, and neither is a number."""
    return isinstance(x, fx.Node) and isinstance(y, fx.Node)
