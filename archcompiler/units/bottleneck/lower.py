from __future__ import annotations

from typing import Protocol

from archcompiler.builder import BlockBuilder, Value
from archcompiler.ops import Add


class GroupedBottleneck(Protocol):
    """The options this lowering reads; ResNeXt has the same with other defaults."""

    @property
    def groups(self) -> int: ...
    @property
    def reduction(self) -> int: ...


def lower(block: BlockBuilder, spec: GroupedBottleneck, channels: int, stride: int) -> Value:
    """relu(x + conv1×1(conv3×3(conv1×1(x)))), BN after each convolution and on the projection."""
    x = block.x
    width = block.part(channels, spec.reduction, option="reduction")
    y = block.conv("conv1", x, width, 1)
    y = block.relu("relu1", block.norm("norm1", y))
    y = block.conv("conv2", y, width, 3, stride=stride, groups=spec.groups)
    y = block.relu("relu2", block.norm("norm2", y))
    y = block.norm("norm3", block.conv("conv3", y, channels, 1))
    shortcut = x
    if stride != 1 or x.type.channels != channels:
        shortcut = block.conv("project", x, channels, 1, stride=stride)
        shortcut = block.norm("project_norm", shortcut)
    return block.relu("relu3", block.add("add", Add(), y, shortcut))
