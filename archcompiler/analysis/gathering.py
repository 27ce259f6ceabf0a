"""What `fully_shard` has whole beside its shards, by the turn of each block.

The order is FSDP2's with its defaults. Blocks that are children of the network's children are
groups, and all else is one more, which stays whole from the first operator to the last. In the
forward pass a block is gathered before its turn into a buffer, which stays as long as the block. In
the backward pass the next block is gathered ahead of its turn, and the buffer in which the gradient
of a block is exchanged stays until the next one is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from archcompiler.ir import Node
from archcompiler.ops.cost import BYTES

REST: Final = ""
"""The group of all that is in no block."""


class Gathering:
    """Bytes of parameters and gradients that are whole, and of what they are exchanged in."""

    def __init__(self, nodes: Sequence[Node], shards: int) -> None:
        self.shards = shards
        self.sizes: Counter[str] = Counter()
        for node in nodes:
            self.sizes[self.group(node)] += BYTES * node.op.parameters
        self.turns = [group for group in self.sizes if group != REST and self.sizes[group]]
        self.current = REST
        self.sent = 0
        """The buffer of the gradient that was exchanged last."""
        self.ahead = self.sizes[self.turns[-1]] if self.turns else 0
        """The buffer of the block that is gathered next in the backward pass."""

    def group(self, node: Node) -> str:
        """The block of an operator that is gathered and given up with it."""
        path = node.path.split("/")
        return "/".join(path[:2]) if len(path) > 2 else REST

    def shard(self, group: str) -> int:
        """Bytes of what one process keeps of a group."""
        return -(-self.sizes[group] // self.shards)

    def forward(self, node: Node) -> int:
        """While an operator is computed."""
        group = self.group(node)
        block = 2 * self.sizes[group] if group != REST else 0
        return self.sizes[REST] + block

    @property
    def backward(self) -> int:
        """While an operator of the current group is differentiated."""
        block = self.sizes[self.current] if self.current != REST else 0
        return self.sizes[REST] + block + self.ahead + self.sent

    def enter(self, group: str) -> int:
        """Begin the backward pass of a group; bytes while it is copied out of its buffer."""
        self.current = group
        copied = self.backward
        if group in self.turns:
            place = self.turns.index(group)
            self.ahead = self.sizes[self.turns[place - 1]] if place else 0
        return copied

    def leave(self) -> int:
        """End it; bytes while its gradients are copied into the buffer that they are exchanged in.

        Its parameters are given up, and so is the buffer of the group before.
        """
        group, self.current = self.current, REST
        self.sent = self.sizes[group]
        return self.backward if group != REST else self.sent
