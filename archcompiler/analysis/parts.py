"""Parts of a map that an emitted file takes at once, and that have one derivative."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from archcompiler.ir import Node
from archcompiler.ops.split import Part


def taken_at_once(nodes: Iterable[Node]) -> dict[str, tuple[str, ...]]:
    """Of each part, by its path: all the parts of the map, the one that comes first in front.

    Of a block that takes each part of a map once, as `left, right = x.chunk(2, dim=1)`.
    """
    parts: dict[tuple[str, str, int], list[Node]] = {}
    for node in nodes:
        if isinstance(node.op, Part):
            parts.setdefault((node.scope, node.inputs[0], node.op.of), []).append(node)
    found: dict[str, tuple[str, ...]] = {}
    for (_, _, of), alike in parts.items():
        taken = (range(op.index, op.index + op.count) for op in (node.op for node in alike))  # type: ignore[attr-defined]
        if sorted(chain.from_iterable(taken)) == [*range(of)]:
            paths = tuple(node.path for node in alike)
            found |= dict.fromkeys(paths, paths)
    return found
