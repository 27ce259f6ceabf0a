"""Operators of a training step that keep what they need, or are run again together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from archcompiler.analysis.kept_maps import What
from archcompiler.ir import Node
from archcompiler.ir.kinds import STAGE


@dataclass(frozen=True, slots=True)
class Segment:
    """Operators in a row, which keep what they need, or are run again."""

    nodes: Sequence[Node]
    recomputed: bool
    keeps: dict[str, list[What]] = field(default_factory=dict)


def segments(nodes: Sequence[Node], checkpointing: bool) -> list[Segment]:
    """All in one, or each block of a stage by itself where these are recomputed."""

    def block(node: Node) -> str:
        depth = node.kinds.index(STAGE) if checkpointing and STAGE in node.kinds else 0
        return "/".join(node.path.split("/")[: depth + 1]) if depth else ""

    return [Segment(tuple(group), bool(key)) for key, group in groupby(nodes, block)]
