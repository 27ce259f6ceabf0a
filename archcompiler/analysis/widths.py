"""How many bytes elements have by autocast, where some maps stay in float32."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archcompiler.ir import INPUT, Node, TensorType
from archcompiler.ops.base import Autocast
from archcompiler.ops.cost import BYTES

HALF = 2
"""Bytes of a bfloat16 or float16."""


class Widths:
    """Bytes of an element of each map.

    Those of float32 are the image, what weights in float32 make, what `autocast` computes in
    float32, and what is made of these.
    """

    def __init__(self, nodes: Iterable[Node], image: TensorType, autocast: Autocast | None) -> None:
        self.of = {INPUT: BYTES}
        self.copies: dict[str, dict[str, int]] = {}
        """Of each operator: bytes of an element of the copies that it reads in place of maps."""
        dims = image.dims
        for node in nodes:
            cast = node.op.autocast(autocast, dims) if autocast else None
            read = set(_read(node))
            widest = max(self.of[name] for name in read)
            wanted = {"half": HALF, "single": BYTES, "widest": widest}.get(cast or "")
            self.of[node.path] = wanted or (BYTES if cast == "wide" else widest)
            copied = {name: wanted for name in read if wanted and self.of[name] != wanted}
            if copied:
                self.copies[node.path] = copied

    def copy(self, name: str, node: Node) -> int | None:
        """Bytes of an element of the copy of a map that an operator reads in place of it."""
        return self.copies.get(node.path, {}).get(name)


def _read(node: Node) -> Iterator[str]:
    """The maps whose elements an operator reads, not their size alone."""
    roles = node.op.roles(len(node.inputs))
    return (name for name, role in zip(node.inputs, roles, strict=True) if role != "size")
