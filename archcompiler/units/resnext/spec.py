from __future__ import annotations

from typing import Literal

from archcompiler.config.base import Count
from archcompiler.units.base import UnitSpec


class ResNeXtSpec(UnitSpec):
    """ResNeXt (Xie et al., CVPR 2017): 32 groups on half the output channels, as AttentionNeXt."""

    type: Literal["resnext"] = "resnext"
    groups: Count = 32
    """Groups of the 3×3 convolution (the cardinality)."""
    reduction: Count = 2
    """Output channels over the channels of the 3×3 convolution."""
