"""What a block is in a network."""

from __future__ import annotations

from typing import Final

NETWORK: Final = "network"
STEM: Final = "stem"
STAGE: Final = "stage"
UNITS: Final = "units"
"""A row of units, the first of which may change channels and stride."""
UNIT: Final = "unit"
ATTENTION: Final = "attention"
MASK: Final = "mask"
HEAD: Final = "head"
BLOCK: Final = "block"
"""Any other block: a part of one of these."""
