from __future__ import annotations

from archcompiler.builder import BlockBuilder, Value
from archcompiler.ops import Add
from archcompiler.units.preact_bottleneck.spec import PreActBottleneckSpec


def lower(block: BlockBuilder, spec: PreActBottleneckSpec, channels: int, stride: int) -> Value:
    """Sum of x and conv1×1(conv3×3(conv1×1(x))), BN and ReLU before each convolution."""
    x = block.x
    width = block.part(channels, spec.reduction, option="reduction")
    activated = block.relu("relu1", block.norm("norm1", x))
    y = block.conv("conv1", activated, width, 1)
    y = block.relu("relu2", block.norm("norm2", y))
    y = block.conv("conv2", y, width, 3, stride=stride)
    y = block.relu("relu3", block.norm("norm3", y))
    y = block.conv("conv3", y, channels, 1)
    shortcut = x
    if stride != 1 or x.type.channels != channels:
        shortcut = block.conv("project", activated, channels, 1, stride=stride)
    return block.add("add", Add(), y, shortcut)
