from __future__ import annotations

from typing import Literal

from archcompiler.config.base import Count
from archcompiler.units.base import UnitSpec


class PreActBottleneckSpec(UnitSpec):
    """Pre-activation bottleneck (He et al., ECCV 2016)."""

    type: Literal["preact_bottleneck"] = "preact_bottleneck"
    reduction: Count = 4
    """Output channels over the channels of the 3×3 convolution."""
