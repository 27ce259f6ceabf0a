from __future__ import annotations

from archcompiler.builder import BlockBuilder, Value
from archcompiler.ops import Add, Concat
from archcompiler.units.inception.spec import PARTS, InceptionSpec


def lower(block: BlockBuilder, spec: InceptionSpec, channels: int, stride: int) -> Value:
    """relu(x + conv1×1(concat(1×1, 1×1 then 3×3, 1×1 then 5×5))), BN after each convolution."""
    x = block.x

    def branch(name: str, kernel: int, parts: int) -> Value:
        width = block.part(channels, PARTS, parts, option=name)
        y = x
        if kernel > 1:
            y = block.conv(f"{name}_reduce", x, width, 1)
            y = block.relu(f"{name}_reduce_relu", block.norm(f"{name}_reduce_norm", y))
        y = block.conv(name, y, width, kernel, stride=stride)
        return block.relu(f"{name}_relu", block.norm(f"{name}_norm", y))

    branches = (
        branch("branch1", 1, spec.branch1),
        branch("branch3", 3, spec.branch3),
        branch("branch5", 5, spec.branch5),
    )
    y = block.add("concat", Concat(), *branches)
    y = block.norm("norm", block.conv("conv", y, channels, 1))
    shortcut = x
    if stride != 1 or x.type.channels != channels:
        shortcut = block.conv("project", x, channels, 1, stride=stride)
        shortcut = block.norm("project_norm", shortcut)
    return block.relu("relu", block.add("add", Add(), y, shortcut))
