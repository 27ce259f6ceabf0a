from __future__ import annotations

from typing import Literal

from archcompiler.config.base import Count
from archcompiler.units.base import UnitSpec


class BottleneckSpec(UnitSpec):
    """Post-activation bottleneck (He et al., CVPR 2016), stride in the 3×3 convolution."""

    type: Literal["bottleneck"] = "bottleneck"
    groups: Count = 1
    """Groups of the 3×3 convolution."""
    reduction: Count = 4
    """Output channels over the channels of the 3×3 convolution."""
