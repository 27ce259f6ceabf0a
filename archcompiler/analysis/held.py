"""Bytes that are held, until the last that holds them lets go."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple


class Amount(NamedTuple):
    """Bytes, some of them for each image."""

    image: int = 0
    batch: int = 0

    def of(self, images: int) -> int:
        return self.image * images + self.batch

    def beyond(self, other: Amount) -> Amount:
        """How much more it is."""
        return Amount(self.image - other.image, self.batch - other.batch)


NOTHING = Amount()


@dataclass
class Held:
    """Memory that several hold, and that goes with the last of them."""

    image: int = 0
    batch: int = 0
    sizes: dict[Hashable, Amount] = field(default_factory=dict)
    holders: dict[Hashable, int] = field(default_factory=dict)

    @property
    def amount(self) -> Amount:
        return Amount(self.image, self.batch)

    def hold(self, what: Hashable, size: Amount = NOTHING) -> None:
        """By one more; `size` counts for the first."""
        holders = self.holders.get(what, 0)
        if not holders:
            self.sizes[what] = size
            self.image += size.image
            self.batch += size.batch
        self.holders[what] = holders + 1

    def drop(self, what: Hashable) -> None:
        self.holders[what] -= 1
        if not self.holders[what]:
            size = self.sizes.pop(what)
            self.image -= size.image
            self.batch -= size.batch

    def alone(self, what: Hashable) -> bool:
        return self.holders[what] == 1
