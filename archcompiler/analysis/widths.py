"""How many bytes elements have by autocast, where some maps stay in float32."""

from __future__ import annotations

from collections.abc import Iterable

from archcompiler.ir import INPUT, Node
from archcompiler.ops.cost import BYTES

HALF = 2
"""Bytes of a bfloat16 or float16."""


class Widths:
    """Bytes of an element of each map.

    Those of float32 are the image, what weights in float32 make, and what is made of these.
    """

    def __init__(self, nodes: Iterable[Node], half: bool) -> None:
        self.of = {INPUT: BYTES}
        self.half = half
        for node in nodes:
            self.of[node.path] = self._made(node)

    def _made(self, node: Node) -> int:
        if self.half and node.op.cast == "half":
            return HALF
        if node.op.cast == "wide":
            return BYTES
        roles = node.op.roles(len(node.inputs))
        return max(self.of[x] for x, r in zip(node.inputs, roles, strict=True) if r != "size")

    def is_cast(self, name: str, node: Node) -> bool:
        """Whether an operator reads a copy of a map, in 16 bits."""
        return self.half and node.op.cast == "half" and self.of[name] == BYTES
