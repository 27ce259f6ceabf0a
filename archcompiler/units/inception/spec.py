from __future__ import annotations

from typing import Literal

from archcompiler.config.base import Count
from archcompiler.units.base import UnitSpec

PARTS = 32
"""Widths of the branches are given in this many parts of the output channels."""


class InceptionSpec(UnitSpec):
    """Inception with a residual connection (Szegedy et al., AAAI 2017): branches of 1×1, 3×3 and
    5×5 convolutions, concatenated, and a 1×1 convolution back to the output channels.

    The authors did not release AttentionInception; the default widths bring AttentionInception-56
    near the parameters and multiply-accumulates that the paper reports.
    """

    type: Literal["inception"] = "inception"
    branch1: Count = 5
    """Channels of the 1×1 branch, in 32nds of the output channels."""
    branch3: Count = 6
    """Channels of the 3×3 branch, in 32nds of the output channels."""
    branch5: Count = 1
    """Channels of the 5×5 branch, in 32nds of the output channels."""
