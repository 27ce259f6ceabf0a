"""What readers of a traced module are given, and share. Imports JAX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from archcompiler.backends.reading import Part, UnknownOperation
from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator

BATCH: Final = 2
"""Images of a trace: what is summed over all of them is then no map."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An array of a traced module, and what makes it."""

    name: str
    shape: tuple[int, ...]
    primitive: str = ""
    """Of JAX, if that makes it and nothing that an operator is read from whole."""
    inputs: tuple[Any, ...] = ()
    """Nodes and numbers, of a primitive."""


Reading: TypeAlias = tuple[Operator, list[Node]] | Node | Part
"""An operator and its inputs in order; a node that hands on another; or a part of an operator."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One array of a traced module that is read, and what is known of those around."""

    node: Node
    dims: int
    index: int = 0
    """Which it is of those that its call gives."""

    def type_of(self, node: Node) -> TensorType:
        """Shape of one image's map; a flat vector counts as a map of one pixel."""
        return map_type(node, self.dims)

    def is_flat(self, node: Node) -> bool:
        """Whether an array is (N, C)."""
        return len(node.shape) == 2

    def places(self, axes: Any) -> tuple[int, ...]:
        """Axes of a map, none of them counted from the end, in order."""
        numbers = axes if isinstance(axes, Sequence) else [axes]
        if not all(isinstance(axis, int) for axis in numbers):
            raise UnknownOperation(f"axes that are no whole numbers: {axes}")
        return tuple(sorted(axis % (self.dims + 2) for axis in numbers))

    def one_more(self, node: Node) -> Node | None:
        """M, if a node is 1 + M; M + 1 is a map by itself."""
        if node.primitive != "add":
            return None
        one, mask = node.inputs
        return mask if is_node(mask) and not is_node(one) and one == 1 else None


def map_type(node: Node, dims: int) -> TensorType:
    """Shape of one image's map, of which `dims` are axes. Raises UnknownOperation."""
    if len(node.shape) == dims + 2 and node.shape[0] == BATCH:
        return TensorType(node.shape[-1], *node.shape[1:-1])
    if len(node.shape) == 2 and node.shape[0] == BATCH:
        return TensorType(node.shape[1], *(1,) * dims)
    raise UnknownOperation(f"`{node.name}` is no map: its shape is {node.shape}")


def is_node(x: Any) -> TypeGuard[Node]:
    """Whether an argument comes of the trace, and is no constant."""
    return isinstance(x, Node)


def require_usual(module: Any, **options: Any) -> None:
    """Raise UnknownOperation unless a norm of Flax has scale, shift, and these options."""
    wrong = [name for name, value in options.items() if getattr(module, name) != value]
    if not (module.use_bias and module.use_scale) or module.axis_name is not None or wrong:
        raise UnknownOperation(f"a norm that is not the operator's: {type(module).__name__}")
