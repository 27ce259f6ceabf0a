"""Every unit keeps its contract: (C_in, H, W) to (channels, ceil(H / stride), ceil(W / stride))."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.blocks import UNIT, UnitConfig
from archcompiler.ir import Graph, TensorType
from archcompiler.passes.finding import Finding


def check_units(graph: Graph) -> Iterator[Finding]:
    """Options that do not fit the channels (E307) and shapes that break the contract (E308)."""
    reported = set()
    for path, block in graph.blocks():
        if block.kind != UNIT or block.origin in reported:
            continue
        config = block.config
        assert isinstance(config, UnitConfig)
        x, stride = block.input, config.stride
        promised = TensorType(config.channels, -(-x.height // stride), -(-x.width // stride))
        if block.problems:
            reported.add(block.origin)
            yield Finding("E307", block.problems[0], block.origin, path)
        elif not block.output_type.empty and block.output_type != promised:
            reported.add(block.origin)
            yield Finding(
                "E308",
                f"unit type `{config.unit.type}` gives {block.output_type} for {x} "
                f"at stride {stride}, not {promised}",
                block.origin,
                path,
            )
